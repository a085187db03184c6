package planner

import (
	"math/big"
	"testing"
)

// Decimals may have exponents and zeros by the million: whatever is computed of them ends.
func TestDecimalsOfMillionsOfDigits(t *testing.T) {
	for _, scale := range []int64{-700_000_000, 700_000_000, -2_000_000_000, 2_147_483_647, 99_999, -100_001} {
		d := decimal{big.NewInt(3), scale}
		ln, err := logDecimal(d, false, errUndefined)
		if err != nil {
			t.Fatal(err)
		}
		ten, err := logDecimal(d, true, errUndefined)
		if err != nil {
			t.Fatal(err)
		}
		// log10(3) − scale, and that times ln 10.
		got, _ := ten.float(200).Float64()
		if want := 0.47712125471966244 - float64(scale); got != want {
			t.Errorf("log10(3e%d) is %v, want %v", -scale, got, want)
		}
		natural, _ := ln.float(200).Float64()
		if off := natural - got*2.302585092994046; off > 1e-6 || off < -1e-6 {
			t.Errorf("log(3e%d) is %v, and log10 %v", -scale, natural, got)
		}
	}
	long := decimal{new(big.Int).Exp(big.NewInt(10), big.NewInt(300_000), nil), 0}
	q, err := long.dividedBy(decimal{big.NewInt(2), 0})
	if err != nil || q.unscaled.Int64() != 5 || q.scale != -299_999 {
		t.Errorf("10^300000 / 2 has scale %d, %v", q.scale, err)
	}
	huge := new(big.Int).Lsh(big.NewInt(1), 8*varintBytesMax)
	if _, err := operateVarint('*', huge, huge); err != errLongNumber {
		t.Errorf("a product of long varints: %v", err)
	}
	if _, err := joined(make([]byte, textBytesMax), []byte("x")); err != errLongText {
		t.Errorf("a long text: %v", err)
	}
	if v, err := joined(make([]byte, textBytesMax-1), []byte("x")); err != nil || len(v) != textBytesMax {
		t.Errorf("a text at its limit: %v", err)
	}
}

func TestZerosAreStrippedAsOneByOne(t *testing.T) {
	for _, digits := range []string{"0", "5", "10", "1000", "-120000", "1234500000000000000000000", "1000000000000000000000000000000001"} {
		for _, preferred := range []int64{-100, 0, 3, 40} {
			d := decimal{new(big.Int), 7}
			d.unscaled.SetString(digits, 10)
			want := d
			for want.scale > preferred && want.unscaled.Sign() != 0 {
				q, r := new(big.Int).QuoRem(want.unscaled, big.NewInt(10), new(big.Int))
				if r.Sign() != 0 {
					break
				}
				want = decimal{q, want.scale - 1}
			}
			if got := d.stripped(preferred); got.unscaled.Cmp(want.unscaled) != 0 || got.scale != want.scale {
				t.Errorf("%s down to %d: %v, want %v", digits, preferred, got, want)
			}
		}
	}
}
