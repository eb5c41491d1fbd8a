/* SPDX-License-Identifier: MIT */
/*
 * A C++ program for the symbolizer's test: templates, methods, lambdas,
 * anonymous namespaces, exceptions and the standard library's inlined code. It
 * is run never, only read.
 */
#include <algorithm>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace shop
{

template <typename Number> struct price {
    Number amount;

    price operator+(const price &other) const
    {
        return {static_cast<Number>(amount + other.amount)};
    }
};

template <typename Number, int Percent>
__attribute__((noinline)) price<Number> discount(price<Number> full)
{
    if (full.amount < 0)
        throw std::invalid_argument("negative price");
    return {static_cast<Number>(full.amount - full.amount * Percent / 100)};
}

class basket
{
public:
    explicit basket(std::string owner) : owner_(std::move(owner)) {}
    void add(const std::string &name, price<long> cost);
    price<long> total() const;
    std::vector<std::string> names() const;

private:
    std::string owner_;
    std::map<std::string, std::vector<price<long>>> lines_;
};

void basket::add(const std::string &name, price<long> cost)
{
    lines_[name].push_back(cost);
}

price<long> basket::total() const
{
    price<long> sum{0};

    for (const auto &line : lines_)
        for (const auto &cost : line.second)
            sum = sum + discount<long, 10>(cost);
    return sum;
}

std::vector<std::string> basket::names() const
{
    std::vector<std::string> result;

    for (const auto &line : lines_)
        result.push_back(owner_ + ":" + line.first);
    std::sort(result.begin(), result.end(),
              [](const std::string &a, const std::string &b) { return a.size() < b.size(); });
    return result;
}

} // namespace shop

namespace
{

__attribute__((noinline)) int fill(shop::basket &basket, int count)
{
    auto add = [&basket](int number) {
        basket.add("thing" + std::to_string(number % 7), {number * 3L});
        return number;
    };
    int sum = 0;

    for (int i = 0; i < count; i++)
        sum += add(i);
    return sum;
}

} // namespace

int main(int argc, char **argv)
{
    try {
        shop::basket basket(argv[0]);

        std::printf("%d\n", fill(basket, argc * 100));
        std::printf("%ld\n", basket.total().amount);
        for (const auto &name : basket.names())
            std::puts(name.c_str());
        std::printf("%d\n", shop::discount<int, 25>({argc}).amount);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
