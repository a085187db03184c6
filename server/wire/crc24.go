package wire

import "hash/crc32"

// The checksums of segments are Cassandra's: a CRC24 of Koopman's polynomial over headers, and the usual CRC32 over
// payloads, each begun with bytes of its own so that zeros do not check.
const (
	crc24Seed       uint32 = 0x875060
	crc24Polynomial uint32 = 0x1974F0B
)

var crc24Table = makeCRC24Table()

func makeCRC24Table() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= crc24Polynomial
			}
		}
		table[i] = crc
	}
	return table
}

// crc24 is the checksum of a segment's header.
func crc24(header []byte) uint32 {
	crc := crc24Seed
	for _, b := range header {
		crc = (crc<<8)&0xFFFFFF ^ crc24Table[byte(crc>>16)^b]
	}
	return crc
}

// crc32Seed is the checksum of the four bytes that stand before each payload without being sent.
var crc32Seed = crc32.ChecksumIEEE([]byte{0xFA, 0x2D, 0x55, 0xCA})

// payloadCRC is the checksum of a segment's payload as it is sent.
func payloadCRC(payload []byte) uint32 {
	return crc32.Update(crc32Seed, crc32.IEEETable, payload)
}
