"""How worker processes are started: apart from the program, whatever that is.

Not by `multiprocessing`, though it does nearly this. It refuses in daemonic processes, such as the
workers of Celery; shares one fork server with the caller's own processes; runs the caller's script
again in each worker; needs a folder for sockets and a process that looks after semaphores; and
what it is told to do (a start method, a context) belongs to the caller.
"""
