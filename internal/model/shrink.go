package model

import "slices"

// Shrink leaves out whatever steps are not needed for a program to fail.
func Shrink[T any](program []T, fails func([]T) bool) []T {
	for size := len(program) / 2; size > 0; size /= 2 {
		for from := 0; from+size <= len(program); {
			shorter := slices.Concat(program[:from], program[from+size:])
			if fails(shorter) {
				program = shorter
			} else {
				from += size
			}
		}
	}
	return program
}
