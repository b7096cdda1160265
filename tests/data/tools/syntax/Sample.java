package x;
public class Sample {
  private int a = 1, b;
  static final String NAME = "x";
  Sample(int a) { this.a = a; }
  int sum(int n) { int local = a + b; return local + n; }
  enum Kind { ROUND, FLAT }
  interface Area { double area(); }
  record Pair(int x, int y) {}
}
