100 clients: one recv and one send per message, no more
-t 3600: one thread, and it sleeps in one wait and nowhere else
-t 3600: 100 clients: one recv and one send per message, no more
-t 3600: clients that come and go cost no memory
