// SPDX-License-Identifier: MIT
//
// C++ frames: exceptions through several levels, destructors while unwinding,
// lambdas, virtual calls, containers; and rethrow from a handler.
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

struct Guard {
    std::string text;
    explicit Guard(int n) : text(static_cast<size_t>(n) + 40, 'g') {}
    ~Guard() { std::free(std::malloc(text.size())); }
};

struct Base {
    virtual ~Base() = default;
    virtual int run(int n) = 0;
};

struct Thrower : Base {
    __attribute__((noinline)) int run(int n) override
    {
        Guard guard(n);
        if (n % 3 == 0)
            throw std::runtime_error("thrown at " + std::to_string(n));
        return n ? run(n - 1) : 0;
    }
};

struct Rethrower : Base {
    std::unique_ptr<Base> inner = std::make_unique<Thrower>();
    __attribute__((noinline)) int run(int n) override
    {
        Guard guard(n);
        try {
            return inner->run(n);
        } catch (const std::exception &error) {
            if (n % 2)
                throw;
            return static_cast<int>(std::string(error.what()).size());
        }
    }
};

int once(int n)
{
    std::map<std::string, std::vector<int>> table;
    Rethrower work;
    std::function<int(int)> call = [&](int i) {
        table[std::to_string(i % 17)].push_back(i);
        return work.run(i % 20);
    };
    try {
        return call(n);
    } catch (const std::runtime_error &) {
        return static_cast<int>(table.size());
    }
}

} // namespace

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? std::atoi(argv[1]) : 20;
    int sum = 0;
    for (int n = 0; n < rounds; n++)
        sum += once(n);
    return sum == -1;
}
