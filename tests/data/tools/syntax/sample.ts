interface Point { x: number; move(dx: number): Point; }
type Name = string | undefined;
enum Colour { Red, Green = 2 }
namespace inner { export const depth: number = 1; }
abstract class Base<T> {
  private value?: T;
  constructor(readonly id: number) {}
  abstract run(): Promise<T>;
  get current(): T | undefined { return this.value; }
}
export function identity<T>(x: T): T { return x; }
export const arrow = async (n: number): Promise<void> => { await n; };
