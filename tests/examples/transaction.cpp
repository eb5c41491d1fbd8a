/* SPDX-License-Identifier: MIT */
/*
 * A resource of the program's own: a transaction, which is committed or rolled back, and must
 * not outlive its connection.
 *
 *     c++ -std=c++17 transaction.cpp $(pkg-config --cflags --libs ctxtrace) && ./a.out
 *
 * The tracker is told when one begins (ctx_acquire), on what it depends (ctx_depends), what it
 * went through (ctx_touch) and how it ended (ctx_give_back). The database is a thread here
 * that answers each line but "sleep".
 */
#include <ctxtrace.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <sys/socket.h>
#include <unistd.h>

namespace
{

const char transaction_kind[] = "transaction";

class connection
{
  public:
    explicit connection(ctx_t *server)
    {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            throw std::system_error(errno, std::generic_category(), "socketpair");
        fd = ends[0];
        int failed = database.go(server, "database", [end = ends[1]] { run_database(end); });
        if (failed != 0) {
            close(ends[0]);
            close(ends[1]);
            throw std::system_error(failed, std::generic_category(), "database");
        }
    }
    connection(const connection &) = delete;
    connection &operator=(const connection &) = delete;
    ~connection()
    {
        close(fd); /* which the database takes for the end */
        int unheeded = database.wait();
        (void)unheeded;
    }

    /* One statement and its reply, within the active context's time. */
    void execute(const std::string &statement)
    {
        struct pollfd readable = {fd, POLLIN, 0};
        char reply[16];
        if (send(fd, statement.data(), statement.size(), MSG_NOSIGNAL) < 0 ||
            ctx_poll(ctx_current(), &readable, 1) < 0 || recv(fd, reply, sizeof reply, 0) < 0)
            throw std::system_error(errno, std::generic_category(), statement);
    }
    int number() const { return fd; }

  private:
    static void run_database(int end)
    {
        char statement[128];
        ssize_t size;
        while ((size = recv(end, statement, sizeof statement, 0)) > 0) {
            if (std::string(statement, static_cast<size_t>(size)) != "sleep" &&
                send(end, "done", 4, MSG_NOSIGNAL) < 0)
                break;
        }
        close(end);
    }

    int fd;
    ctx::waitgroup database;
};

/* Rolled back by the destructor if it was not committed before. */
class transaction
{
  public:
    explicit transaction(connection &to) : database(to), id(next_id++)
    {
        database.execute("begin");
        ctx_acquire(transaction_kind, CTX_NUMBER(id));
        ctx_depends(transaction_kind, CTX_NUMBER(id), CTX_FD, CTX_NUMBER(database.number()));
    }
    transaction(const transaction &) = delete;
    transaction &operator=(const transaction &) = delete;
    ~transaction()
    {
        if (is_over)
            return;
#ifndef FIXED
        /* THE LEAK: "no talking to the database while an exception is on its way". */
        if (std::uncaught_exceptions() > 0)
            return;
#endif
        roll_back();
    }

    void execute(const std::string &statement)
    {
        ctx_touch(transaction_kind, CTX_NUMBER(id), statement.c_str());
        database.execute(statement);
    }
    void commit()
    {
        database.execute("commit");
        ctx_give_back(transaction_kind, CTX_NUMBER(id), CTX_OK);
        is_over = true;
    }
    void roll_back() noexcept
    {
        try {
            /* The request may have ended, and this is needed nevertheless. */
            ctx::owned last(ctx_with_timeout(ctx_background(), CTX_SECOND, 0, "no rollback"));
            ctx::scope active(last);
            database.execute("rollback");
        } catch (const std::exception &) {
            /* The database does it by itself when the connection is closed. */
        }
        ctx_give_back(transaction_kind, CTX_NUMBER(id), CTX_ERROR);
        is_over = true;
    }

  private:
    static unsigned next_id;
    connection &database;
    unsigned id;
    bool is_over = false;
};
unsigned transaction::next_id = 1;

void book(connection &database, const std::string &statement, bool wanted)
{
    transaction booking(database);
    booking.execute("insert");
    booking.execute(statement);
    if (wanted)
        booking.commit();
}

void serve(ctx_t *server, connection &database, const std::string &statement, bool wanted)
{
    ctx::owned timed(ctx_with_timeout(server, CTX_SECOND / 5, 0, "request took too long"));
    ctx::owned request(ctx_with_name(timed.get(), ("req:/" + statement).c_str()));
    ctx::scope active(request);
    try {
        book(database, statement, wanted);
        std::printf("%s: %s\n", statement.c_str(), wanted ? "booked" : "not wanted");
        ctx_finish(timed.get(), CTX_END_OK);
    } catch (const std::exception &error) {
        std::printf("%s\n", error.what());
        ctx_finish(timed.get(), CTX_END_ERROR);
    }
}

} // namespace

int main()
{
    ctx::owned server(ctx_with_name(ctx_background(), "bookings"));
    connection database(server.get());

    serve(server.get(), database, "update", true);
    serve(server.get(), database, "select", false);
    serve(server.get(), database, "sleep", true);
    return 0;
}
