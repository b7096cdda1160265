#include <stdio.h>
#define LIMIT 10
#define SQUARE(x) ((x) * (x))
#ifndef GUARD
#define GUARD
#endif
struct point {
  int x, y;
};
typedef struct { double re, im; } complex_t;
enum colour { RED, GREEN };
static const char *names[] = {"red", "green"};
int add(int a, int b);
int add(int a, int b) {
  int local = a + b;
  return local;
}
void (*handler)(int);
