package sstable

import (
	"iter"

	"github.com/eskerdb/esker/lsm/encoding"
)

// EncodingUse is how often and for how many bytes an encoding is used for a role of chunks, or blocks for a section.
type EncodingUse struct {
	Role     string // "clustering", "timestamp", "values" and so on
	Column   uint32 // of values; place of a clustering column; else 0
	Encoding string
	Chunks   int
	Bytes    int64
}

// Encodings counts the chunks of the file by what they hold and how, in order of roles, then the blocks of each section. It reads the
// whole file.
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
	for role, list := range r.sections() {
		use := EncodingUse{Role: role, Encoding: "block", Chunks: len(list.lengths)}
		for _, n := range list.lengths {
			use.Bytes += int64(n)
		}
		if use.Chunks > 0 {
			out = append(out, use)
		}
	}
	return out, nil
}

// sections yields the names of the sections that lie between the row groups, and their fences.
func (r *Reader) sections() iter.Seq2[string, *fences] {
	return func(yield func(string, *fences) bool) {
		_ = yield(r.contents.side.name, &r.contents.side.fences) &&
			yield(r.directory.name, &r.directory.fences) &&
			(r.statistics == nil || yield(r.statistics.name, &r.statistics.fences)) &&
			yield(r.index.name, &r.index.fences)
	}
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
