/*
 * constants: the names of errno(3) and signal(7) numbers. (strerrorname_np()
 * and sigabbrev_np() exist in new versions of glibc only.)
 */
#ifndef CONSTANTS_H
#define CONSTANTS_H

/* "EAGAIN"; what strerror() says about an error that the lessons never meet.
   The next call may overwrite the latter. */
const char *errno_name(int error);

/* "SIGINT"; "a real-time signal" from SIGRTMIN on. */
const char *signal_name(int number);

#endif
