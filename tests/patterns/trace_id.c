/* SPDX-License-Identifier: MIT */
/*
 * The id of a request stands with the socket that it has lost: who reads the report finds the
 * request in the logs.
 */
#include <ctxtrace.h>

#include <sys/socket.h>
#include <unistd.h>

__attribute__((noinline)) static int call_backend(void)
{
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

__attribute__((noinline)) static void serve(void)
{
    int backend = call_backend();

#ifdef FIXED
    CTX_CLOSE_FD(backend);
#endif
    (void)backend;
}

int main(void)
{
    CTX_OWNED ctx_t *request = ctx_with_trace_id(NULL, "req-12345", NULL);

    CTX_SCOPE(request)
    serve();
    ctx_finish(request, CTX_END_OK);
    return 0;
}
