package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/golang/snappy"
	"github.com/pierrec/lz4/v4"
)

// Compression is an algorithm for bodies. Its number is never sent.
type Compression uint8

// The algorithms that STARTUP can ask for.
const (
	CompressionNone Compression = iota
	CompressionLZ4
	CompressionSnappy
)

const (
	// compressBytesMin is the shortest body worth compressing.
	compressBytesMin = 512
	// The highest ratios that the formats allow: what claims more is a lie, found out before memory is taken.
	lz4RatioMax    = 255
	snappyRatioMax = 64
)

// ParseCompression reads the value of STARTUP's COMPRESSION in any case; the empty name means none.
func ParseCompression(name string) (Compression, error) {
	switch strings.ToLower(name) {
	case "":
		return CompressionNone, nil
	case "lz4":
		return CompressionLZ4, nil
	case "snappy":
		return CompressionSnappy, nil
	}
	return CompressionNone, protocolf("unknown compression algorithm: %s", name)
}

// String returns the name that STARTUP uses, and "" for none.
func (c Compression) String() string {
	switch c {
	case CompressionLZ4:
		return "lz4"
	case CompressionSnappy:
		return "snappy"
	}
	return ""
}

// compressTail replaces dst[from:] by its compressed form if that is shorter.
func (c Compression) compressTail(dst []byte, from int) ([]byte, bool, error) {
	body := dst[from:]
	if c == CompressionNone || len(body) < compressBytesMin {
		return dst, false, nil
	}
	// The compressed form is built behind the body and then moved over it: no second buffer.
	end := len(dst)
	var n int
	switch c {
	case CompressionLZ4:
		dst = slices.Grow(dst, 4+lz4.CompressBlockBound(len(body)))
		out := dst[end:cap(dst)]
		binary.BigEndian.PutUint32(out, uint32(len(body)))
		written, err := lz4.CompressBlock(body, out[4:], nil)
		if err != nil {
			return nil, false, fmt.Errorf("lz4: body of %d bytes: %w", len(body), err)
		}
		if written == 0 {
			return dst, false, nil
		}
		n = 4 + written
	case CompressionSnappy:
		bound := snappy.MaxEncodedLen(len(body))
		if bound < 0 {
			return dst, false, nil
		}
		dst = slices.Grow(dst, bound)
		n = len(snappy.Encode(dst[end:end+bound], body))
	}
	if n >= end-from {
		return dst, false, nil
	}
	copy(dst[from:], dst[end:end+n])
	return dst[:from+n], true, nil
}

// claimed is how many bytes src says it decompresses to, at most bytesMax; 0 if it says nothing.
func (c Compression) claimed(src []byte, bytesMax int) int {
	claimed := 0
	switch {
	case c == CompressionLZ4 && len(src) >= 4:
		claimed = int(binary.BigEndian.Uint32(src))
	case c == CompressionSnappy:
		claimed, _ = snappy.DecodedLen(src) // what does not decode is told when it is decompressed
	}
	return min(claimed, bytesMax)
}

// decompress puts the content of src into buf if it fits, else into new memory.
func (c Compression) decompress(buf, src []byte, bytesMax int) ([]byte, error) {
	switch c {
	case CompressionLZ4:
		return decompressLZ4(buf, src, bytesMax)
	case CompressionSnappy:
		return decompressSnappy(buf, src, bytesMax)
	}
	return nil, fmt.Errorf("compressed frame on a connection without compression")
}

func decompressLZ4(buf, src []byte, bytesMax int) ([]byte, error) {
	if len(src) < 4 {
		return nil, fmt.Errorf("lz4 body of %d bytes has no length", len(src))
	}
	claimed, block := int64(binary.BigEndian.Uint32(src)), src[4:]
	if claimed == 0 {
		return buf[:0], nil
	}
	if err := checkClaim("lz4", claimed, len(block), lz4RatioMax, bytesMax); err != nil {
		return nil, err
	}
	buf = slices.Grow(buf[:0], int(claimed))[:claimed]
	n, err := lz4.UncompressBlock(block, buf)
	if err != nil {
		return nil, fmt.Errorf("lz4 body of %d bytes: %w", len(src), err)
	}
	if int64(n) != claimed {
		return nil, fmt.Errorf("lz4 body: %d bytes instead of the %d it claims", n, claimed)
	}
	return buf, nil
}

func decompressSnappy(buf, src []byte, bytesMax int) ([]byte, error) {
	claimed, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, fmt.Errorf("snappy body of %d bytes: %w", len(src), err)
	}
	if err := checkClaim("snappy", int64(claimed), len(src), snappyRatioMax, bytesMax); err != nil {
		return nil, err
	}
	buf, err = snappy.Decode(buf[:cap(buf)], src)
	if err != nil {
		return nil, fmt.Errorf("snappy body of %d bytes: %w", len(src), err)
	}
	return buf, nil
}

func checkClaim(name string, claimed int64, have, ratioMax, bytesMax int) error {
	if claimed > int64(bytesMax) {
		return fmt.Errorf("%s body of %d bytes decompressed exceeds the maximum of %d bytes", name, claimed, bytesMax)
	}
	if claimed > int64(have)*int64(ratioMax) {
		return fmt.Errorf("%s body of %d bytes cannot hold the %d it claims", name, have, claimed)
	}
	return nil
}
