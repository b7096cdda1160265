#include <string>
namespace geometry {
class Shape {
 public:
  virtual ~Shape() = default;
  virtual double area() const = 0;
  int id_ = 0;
};
struct Square : Shape {
  explicit Square(double side) : side_(side) {}
  double area() const override { return side_ * side_; }

 private:
  double side_;
};
enum class Kind { kRound, kFlat };
using Name = std::string;
template <typename T>
T largest(T a, T b) {
  const auto less = [](T x, T y) { return x < y; };
  return less(a, b) ? b : a;
}
double total(const Shape* shapes, int n);
}  // namespace geometry
double geometry::total(const Shape* shapes, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += shapes[i].area();
  return sum;
}
