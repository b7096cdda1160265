const limit = 10;
const { a, b } = require("x");
const twice = (x) => { const y = x * 2; return y; };
function outer(n) {
  let local = 1;
  function inner() { return local; }
  return inner() + n;
}
class Queue extends Array {
  count = 0;
  push(item) { this.count += 1; return `${item}`; }
  static of() { return new Queue(); }
}
export default function* numbers() { yield 1; }
