package sstable

import (
	"bytes"
	"fmt"

	"github.com/eskerdb/esker/lsm/encoding"
)

// Verify reads the whole file and checks what opening it does not: the checksum of every chunk, that each
// decodes, and that rows are in order and as many as the sections say. It returns the first thing wrong.
func (r *Reader) Verify() error {
	d := r.newDecoder()
	d.number = -1 // what is decoded already says nothing of the file
	defer d.release()
	before := -1 // partition of the row before
	var last []byte
	for n := range r.groupCount() {
		if err := d.open(n); err != nil {
			return err
		}
		if err := d.verifyChunks(); err != nil {
			return err
		}
		for i := range d.group.segments {
			s := &d.group.segments[i]
			if s.partition != before {
				if g, at, ok := r.index.begin(s.partition); !ok || g != n || at != i {
					return d.corrupt("rows of partition %d where the index has none", s.partition)
				}
				last = nil
			}
			before = s.partition
			var err error
			if last, err = d.verifySegment(s, last); err != nil {
				return err
			}
		}
	}
	return nil
}

// verifyChunks decodes all chunks of the open group, also those that no column of the table asks for.
func (d *decoder) verifyChunks() error {
	if err := d.readWhole(); err != nil {
		return err
	}
	var c chunk
	for i := range d.group.chunks {
		ref := &d.group.chunks[i]
		src := d.bytesOf(ref)
		_, err := chunkBody(src)
		if err == nil && roleName(ref.role) != "" { // what an unknown role means, a newer program knows
			if err = c.open(src, d.group.rows); err == nil {
				err = c.decode(0, d.group.rows)
			}
		}
		if err != nil {
			return d.r.corrupt(int64(ref.offset), fmt.Sprintf("row group at %d: chunk %d of %d", d.group.offset, ref.role, ref.number), err)
		}
	}
	return d.loadAll()
}

// verifySegment checks the order of rows and the bounds that the directory has. It returns the last key.
func (d *decoder) verifySegment(s *segment, last []byte) ([]byte, error) {
	for i := s.from; i < s.to; i++ {
		key := d.clustering(i)
		if last != nil && bytes.Compare(last, key) >= 0 {
			return nil, d.corrupt("row %d is not above the one before", i)
		}
		if i == s.from && !bytes.Equal(key, s.first) || i == s.to-1 && !bytes.Equal(key, s.last) {
			return nil, d.corrupt("row %d is not the bound that the directory has", i)
		}
		last = append(make([]byte, 0, len(key)), key...)
	}
	return last, nil
}

// EncodingUse is how often and for how many bytes an encoding is used for a role of chunks.
type EncodingUse struct {
	Role     string // "clustering", "timestamp", "values" and so on
	Column   uint32 // of values; place of a clustering column; else 0
	Encoding string
	Chunks   int
	Bytes    int64
}

// Encodings counts the chunks of the file by what they hold and how, in order of roles. It reads the whole file.
func (r *Reader) Encodings() ([]EncodingUse, error) {
	var out []EncodingUse
	index := map[EncodingUse]int{}
	var g group
	for n := range r.groupCount() {
		if err := r.group(n, &g); err != nil {
			return nil, err
		}
		for i := range g.chunks {
			ref := &g.chunks[i]
			name, err := r.encodingOf(&g, ref)
			if err != nil {
				return nil, err
			}
			use := EncodingUse{Role: roleName(ref.role), Column: ref.number, Encoding: name}
			at, ok := index[use]
			if !ok {
				at = len(out)
				index[use] = at
				out = append(out, use)
			}
			out[at].Chunks++
			out[at].Bytes += int64(ref.length)
		}
	}
	return out, nil
}

// encodingOf returns the name of a chunk's encoding; of presence alone "none".
func (r *Reader) encodingOf(g *group, ref *chunkRef) (string, error) {
	src, err := r.read(int64(ref.offset), ref.length)
	if err != nil {
		return "", err
	}
	body, err := chunkBody(src)
	if err != nil {
		return "", r.corrupt(int64(ref.offset), roleName(ref.role), err)
	}
	_, _, rest, err := encoding.DecodePresence(nil, encoding.Presence(body[0]&chunkPresence), body[1:], g.rows)
	if err != nil {
		return "", r.corrupt(int64(ref.offset), roleName(ref.role), err)
	}
	if len(rest) == 0 {
		return "none", nil
	}
	return encoding.Name(rest[0]), nil
}

// roleName returns the name of a role; of an unknown one nothing.
func roleName(role byte) string {
	switch role {
	case roleClustering:
		return "clustering"
	case roleTimestamp:
		return "timestamp"
	case roleTTL:
		return "ttl"
	case roleEnd:
		return "end"
	case roleLiveness:
		return "liveness"
	case roleSequence:
		return "sequence"
	case roleDeletionMarked, roleDeletionLocal:
		return "row deletion"
	case roleAlive:
		return "alive until"
	case roleValue:
		return "values"
	case roleTombstone:
		return "tombstones"
	case roleCellTimestamp:
		return "cell timestamps"
	case roleCellTTL:
		return "cell ttls"
	case roleCellEnd:
		return "cell ends"
	}
	return ""
}
