/*
 * control: the client's control connection, for commands and replies. It
 * blocks: the client has one server only. After an error that ends all, each
 * function prints a line and exits, with status 1.
 *
 * What the server says goes through text_escape() before it is printed.
 */
#ifndef FTP_CONTROL_H
#define FTP_CONTROL_H

/* Connect to 127.0.0.1 and log in. account is NAME:PASSWORD or NAME. */
void control_open(int port, const char *account);

/* Send a command, and read its reply. The format is as in printf(3), without
   CR LF. Returns the code of the reply. */
int control_command(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Read another reply. Returns its code. */
int control_reply(void);

/* The number in the last reply, after its code; -1: there is none. */
long long control_number(void);

/* Open a data connection. Returns the socket. */
int control_open_data(void);

/* Exit: the last reply says why the server refuses this. */
_Noreturn void control_refused(const char *what);

/* All is done: take leave of the server, whatever it replies. */
void control_quit(void);

#endif
