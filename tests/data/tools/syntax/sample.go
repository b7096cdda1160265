package main

import "fmt"

const (
	Limit = 10
	Low, High = 1, 2
)

var name string

type Point struct {
	X, Y int
}

type Area interface {
	Area() float64
}

func (p *Point) Move(dx int) {
	local := dx
	p.X += local
}

func main() {
	fmt.Println(Limit)
}
