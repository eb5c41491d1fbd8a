/* SPDX-License-Identifier: MIT */
/*
 * What is left of a function's name in a line of text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/render/text_style.h"

static const struct {
    const char *function, *expected;
} names[] = {
    {NULL, "?"},
    {"main", "main"},
    {"load(char const*, int)", "load"},
    {"Opener::operator()(std::string const&) const", "Opener::operator()"},
    {"operator()", "operator()"},
    {"(anonymous namespace)::load(int)", "(anonymous namespace)::load"},
    {"run<main()::<lambda()> >", "run<main()::<lambda()> >"},
    {"main::{lambda()#1}::operator()() const", "main::{lambda()#1}::operator()"},
    {"load(int) [clone .cold]", "load"},
    {"void store<int>(int)", "void store<int>"},
    {"a::b::Registry<std::string, long>::insert_by_name(std::string)",
     "a::b::Registry::insert_by_name"},
    {"std::unique_ptr<long> company::product::make_something<int, long>(int)",
     "company::product::make_something"},
    {"company::product::storage::Registry<long>::insert_by_name_of_something(long)",
     "Registry::insert_by_name_of_something"},
    {"std::ostream& std::operator<< <std::char_traits<char> >(std::ostream&, char const*)",
     "std::operator<< "},
    {"company::product::Pointer<company::product::Thing>::operator->()", "Pointer::operator->"},
    {"company::product::Set<company::product::Thing>::operator<(Set)",
     "company::product::Set::operator<"},
};

static void test_names(void **state)
{
    struct text text = {.pool = pool_new()};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct frame frame = {.function = names[i].function};

        assert_string_equal(text_function(&text, &frame), names[i].expected);
    }
    pool_free(text.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
