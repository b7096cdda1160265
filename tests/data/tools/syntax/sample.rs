use std::fmt;
const LIMIT: usize = 10;
static NAME: &str = "x";
mod inner { pub fn helper() {} }
pub struct Point { x: f64, y: f64 }
enum Shape { Round(f64), Flat { w: f64 } }
trait Area { fn area(&self) -> f64; }
impl Area for Point {
    fn area(&self) -> f64 { let z = self.x; z * self.y }
}
macro_rules! twice { ($e:expr) => { $e; $e }; }
fn main() { println!("{}", LIMIT); }
