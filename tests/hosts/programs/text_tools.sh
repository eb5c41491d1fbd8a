# SPDX-License-Identifier: MIT
# awks, bc, m4, less, file, flex and bison.
seq 5000 > numbers
for awk in gawk mawk; do
    $awk '{ s[$1 % 7] += $1 } END { for (i = 0; i < 7; i++) print s[i]; print length(s) }' numbers
    $awk 'BEGIN { while (("sort -rn numbers" | getline x) > 0) n++; print n, x; close("sort -rn numbers") }'
    $awk '{ print > ("part" NR % 5) } END { print NR }' numbers
done
echo 'scale=60; 4*a(1); 2^500' | bc -l; echo 'define(`x`,`y`)x x' | m4; less numbers | tail -1
file numbers /bin/sh | cut -c1-40; wc -l part* | tail -1
cat > calc.y <<'END'
%token N
%{
#include <stdio.h>
int yylex(void); void yyerror(const char *s) { puts(s); }
%}
%%
sum: N | sum '+' N { printf("%d\n", $$ = $1 + $3); };
%%
int main(void) { return yyparse(); }
END
cat > calc.l <<'END'
%option noyywrap nounput noinput
%{
#include <stdlib.h>
#include "calc.tab.h"
extern YYSTYPE yylval;
%}
%%
[0-9]+ { yylval = atoi(yytext); return N; }
[+] { return *yytext; }
.|\n ;
%%
END
bison -d calc.y && flex calc.l && wc -l < lex.yy.c | grep -c . && ls calc.tab.h
