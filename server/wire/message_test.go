package wire

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func requestFrame(t testing.TB, version byte, m Request) Frame {
	t.Helper()
	raw, err := AppendRequest(nil, Header{Version: version, Stream: 1}, m, CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	h, err := DecodeHeader(raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	return Frame{Header: h, Body: raw[HeaderBytes:]}
}

func drawValues(t *rapid.T, version byte) []Value {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Value {
		switch rapid.IntRange(0, 5).Draw(t, "state") {
		case 0:
			return Null
		case 1:
			if version >= 4 {
				return Unset
			}
		}
		return Value{Bytes: append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "bytes")...)}
	}), 0, 12).Draw(t, "values")
}

func drawParams(t *rapid.T, version byte) QueryParams {
	p := QueryParams{
		Consistency:  Consistency(rapid.IntRange(0, 10).Draw(t, "consistency")),
		SkipMetadata: rapid.Bool().Draw(t, "skip"),
		PageSize:     int32(rapid.IntRange(0, 5).Draw(t, "page")),
		Values:       drawValues(t, version),
		Tail:         drawTail(t, version),
	}
	if rapid.Bool().Draw(t, "paged") {
		p.PagingState = append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "state")...)
	}
	if rapid.Bool().Draw(t, "named") {
		for range p.Values {
			p.Names = append(p.Names, rapid.String().Draw(t, "name"))
		}
	}
	return p
}

func drawTail(t *rapid.T, version byte) Tail {
	tail := Tail{
		SerialConsistency: rapid.SampledFrom([]Consistency{0, Serial, LocalSerial}).Draw(t, "serial"),
		HasTimestamp:      rapid.Bool().Draw(t, "timestamped"),
	}
	if tail.HasTimestamp {
		tail.DefaultTimestamp = rapid.Int64Min(-1<<62).Draw(t, "timestamp")
	}
	if version >= 5 && rapid.Bool().Draw(t, "keyspace") {
		tail.Keyspace = append([]byte{}, rapid.String().Draw(t, "name of the keyspace")...)
	}
	if version >= 5 && rapid.Bool().Draw(t, "moment") {
		tail.HasNow, tail.NowSeconds = true, rapid.Uint32().Draw(t, "now")
	}
	return tail
}

// drawID is absent before version 5.
func drawID(t *rapid.T, version byte) []byte {
	if version < 5 {
		return nil
	}
	return append([]byte{}, rapid.String().Draw(t, "result")...)
}

// One decoder for all: nothing of one request may shine through in the next.
func TestReusedDecoderForgets(t *testing.T) {
	var d RequestDecoder
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.ByteRange(VersionMin, VersionMax).Draw(t, "version")
		var m Request
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			m = &Query{Text: []byte(rapid.String().Draw(t, "text")), Params: drawParams(t, version)}
		case 1:
			m = &Execute{ID: []byte(rapid.String().Draw(t, "id")), ResultID: drawID(t, version), Params: drawParams(t, version)}
		case 3:
			p := &Prepare{Text: []byte(rapid.String().Draw(t, "text"))}
			if id := drawID(t, version); len(id) > 0 {
				p.Keyspace = id
			}
			m = p
		case 2:
			b := &Batch{Kind: BatchKind(rapid.IntRange(0, 2).Draw(t, "batch")), Entries: []BatchEntry{}, Tail: drawTail(t, version)}
			for range rapid.IntRange(0, 5).Draw(t, "entries") {
				e := BatchEntry{Values: append([]Value{}, drawValues(t, version)...)}
				if rapid.Bool().Draw(t, "prepared") {
					e.ID = []byte{1, 2, 3}
				} else {
					e.Text = []byte("INSERT")
				}
				b.Entries = append(b.Entries, e)
			}
			m = b
		}
		raw, err := AppendRequest(nil, Header{Version: version, Stream: 1}, m, CompressionNone)
		if err != nil {
			t.Fatal(err)
		}
		h, err := DecodeHeader(raw, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Decode(Frame{Header: h, Body: raw[HeaderBytes:]})
		if err != nil || !equalRequests(normalBatch(got), m) {
			t.Fatalf("decoded %+v, want %+v (%v)", got, m, err)
		}
	})
}

// normalBatch makes batches and entries of nothing equal whatever memory they keep.
func normalBatch(m Request) Request {
	b, ok := m.(*Batch)
	if !ok {
		return m
	}
	c := *b
	c.Entries = append([]BatchEntry{}, b.Entries...)
	for i := range c.Entries {
		c.Entries[i].Values = append([]Value{}, c.Entries[i].Values...)
	}
	return &c
}

func TestSteadyDecodingTakesNoMemory(t *testing.T) {
	values := []Value{{Bytes: []byte("12345678")}, {Bytes: []byte("12345678")}, Null}
	execute := &Execute{ID: []byte("0123456789abcdef"), Params: QueryParams{Values: values, Tail: Tail{HasTimestamp: true}}}
	batch := &Batch{}
	for range 100 {
		batch.Entries = append(batch.Entries, BatchEntry{ID: execute.ID, Values: values})
	}
	query := &Query{Text: []byte("SELECT"), Params: QueryParams{Values: values}}
	var d RequestDecoder
	for _, m := range []Request{execute, batch, query} {
		f := requestFrame(t, 4, m)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := d.Decode(f); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", m.Opcode(), n)
		}
	}
}

func TestBrokenRequests(t *testing.T) {
	text := AppendBytes(nil, []byte("q"))
	with := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		op   Opcode
		body []byte
		want string
		code ErrorCode
	}{
		"a response":          {OpReady, nil, "READY: not a request", CodeProtocol},
		"no such opcode":      {Opcode(0x44), nil, "opcode 0x44: not a request", CodeProtocol},
		"negative text":       {OpPrepare, AppendNull(nil), "PREPARE: long string of negative length -1", CodeProtocol},
		"text cut":            {OpPrepare, text[:4], "PREPARE: long string of 1 bytes at byte 4 exceeds the body of 4 bytes", CodeProtocol},
		"unknown consistency": {OpQuery, with(text, []byte{0, 11, 0}), "QUERY: unknown code 11 for a consistency level", CodeProtocol},
		"value length -3":     {OpQuery, with(text, []byte{0, 1, byte(queryValues), 0, 1}, AppendInt(nil, -3)), "QUERY: value of negative length -3", CodeProtocol},
		"serial is ONE":       {OpQuery, with(text, []byte{0, 1, byte(querySerialConsistency), 0, 1}), "QUERY: invalid serial consistency ONE: must be SERIAL or LOCAL_SERIAL", CodeInvalid},
		"least timestamp": {OpQuery, with(text, []byte{0, 1, byte(queryTimestamp), 0x80, 0, 0, 0, 0, 0, 0, 0}),
			"QUERY: default timestamp out of bounds, must be in [-9223372036854775807, 9223372036854775807]", CodeProtocol},
		"event":        {OpRegister, []byte{0, 1, 0, 1, 'X'}, `REGISTER: unknown event type "X"`, CodeProtocol},
		"batch kind":   {OpBatch, []byte{3, 0, 0, 0, 1, 0}, "BATCH: invalid kind of batch 3", CodeProtocol},
		"entry kind":   {OpBatch, []byte{0, 0, 1, 2, 0, 0, 0, 1, 0}, "BATCH: invalid kind of statement 2: must be 0 or 1", CodeProtocol},
		"batch names":  {OpBatch, []byte{0, 0, 0, 0, 1, byte(queryNames)}, "BATCH: named values are not supported", CodeInvalid},
		"many entries": {OpBatch, []byte{0, 0xFF, 0xFF}, "BATCH: byte of 1 bytes at byte 3 exceeds the body of 3 bytes", CodeProtocol},
	} {
		_, err := new(RequestDecoder).Decode(Frame{Header: Header{Version: 4, Stream: 12, Opcode: c.op}, Body: c.body})
		var p *ProtocolError
		if !errors.As(err, &p) || p.Message != c.want || p.Code != c.code || p.Stream != 12 || p.Fatal {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

func TestNegativeLengthsAreNullBeforeVersion4(t *testing.T) {
	body := append(AppendBytes(nil, []byte("q")), 0, 1, byte(queryValues), 0, 1, 0xFF, 0xFF, 0xFF, 0xFE)
	for version, want := range map[byte]Value{3: Null, 4: Unset} {
		m, err := new(RequestDecoder).Decode(Frame{Header: Header{Version: version, Opcode: OpQuery}, Body: body})
		if err != nil || !reflect.DeepEqual(m.(*Query).Params.Values, []Value{want}) {
			t.Errorf("v%d: %+v, %v", version, m, err)
		}
	}
}

func TestRequestsThatTheFormatCannotHold(t *testing.T) {
	long := make([]byte, shortMax+1)
	for name, m := range map[string]Request{
		"too many values":      &Query{Params: QueryParams{Values: make([]Value, shortMax+1)}},
		"fewer names":          &Query{Params: QueryParams{Values: make([]Value, 2), Names: []string{"a"}}},
		"long name":            &Query{Params: QueryParams{Values: make([]Value, 1), Names: []string{string(long)}}},
		"long id":              &Execute{ID: long},
		"long id in a batch":   &Batch{Entries: []BatchEntry{{ID: long}}},
		"too many statements":  &Batch{Entries: make([]BatchEntry, shortMax+1)},
		"long startup option":  &Startup{Options: map[string]string{"A": string(long)}},
		"unset in version 3":   &Query{Params: QueryParams{Values: []Value{Unset}}},
		"unset in a v3 batch":  &Batch{Entries: []BatchEntry{{Values: []Value{Unset}}}},
		"many values in batch": &Batch{Entries: []BatchEntry{{Values: make([]Value, shortMax+1)}}},
	} {
		if _, err := AppendRequest(nil, Header{Version: 3}, m, CompressionNone); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	m := &Query{Params: QueryParams{Values: make([]Value, shortMax)}}
	if _, err := AppendRequest(nil, Header{Version: 3}, m, CompressionNone); err != nil {
		t.Errorf("as many values as possible: %v", err)
	}
}

func answerFrame(t testing.TB, version byte, a Answer) Frame {
	t.Helper()
	raw, err := AppendAnswer(nil, Header{Version: version}, a, CompressionNone)
	if err != nil {
		t.Fatal(err)
	}
	h, err := DecodeHeader(raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	return Frame{Header: h, Body: raw[HeaderBytes:]}
}

func TestVersion3IsToldWhatItKnows(t *testing.T) {
	for name, c := range map[string]struct{ sent, want Response }{
		"read failure": {&Error{CodeReadFailure, "m", ReadFailure{One, 1, 2, 3, true, nil}}, &Error{CodeReadTimeout, "m", ReadTimeout{One, 1, 2, true}}},
		"write failure": {&Error{CodeWriteFailure, "m", WriteFailure{One, 1, 2, 3, "CAS", nil}},
			&Error{CodeWriteTimeout, "m", WriteTimeout{One, 1, 2, "CAS", 0}}},
		"function failure": {&Error{CodeFunctionFailure, "m", FunctionFailure{"k", "f", nil}}, &Error{CodeInvalid, "m", nil}},
		"function": {&SchemaResult{SchemaChange{Change: ChangeCreated, Target: TargetFunction, Keyspace: "ks", Name: "f"}},
			&SchemaResult{SchemaChange{Change: ChangeUpdated, Target: TargetKeyspace, Keyspace: "ks"}}},
	} {
		got, err := DecodeAnswer(answerFrame(t, 3, Answer{Message: c.sent, Warnings: []string{"not for version 3"}}))
		if err != nil || !reflect.DeepEqual(got, Answer{Message: c.want}) {
			t.Errorf("%s: %+v, %v", name, got.Message, err)
		}
	}
}

func TestYoungTypesAreCustomToOldVersions(t *testing.T) {
	for id, young := range youngTypes {
		for version := VersionMin; version <= VersionMax; version++ {
			m := &Rows{Metadata: Metadata{Columns: []Column{{Name: "c", Type: Type{ID: id}}}, Count: 1}, Content: []byte{}}
			f := answerFrame(t, version, Answer{Message: m})
			if asClass := bytes.Contains(f.Body, []byte(young.class)); asClass != (version < young.since) {
				t.Errorf("v%d type 0x%04X: sent as class: %v", version, id, asClass)
			}
			if got, err := DecodeAnswer(f); err != nil || !reflect.DeepEqual(got.Message, m) {
				t.Errorf("v%d type 0x%04X: %+v, %v", version, id, got.Message, err)
			}
		}
	}
}

func TestErrorsWithoutDetailAreWhole(t *testing.T) {
	for code := range codeNames {
		got, err := DecodeAnswer(answerFrame(t, 5, Answer{Message: &Error{Code: code, Message: "m"}}))
		if err != nil || got.Message.(*Error).Code != code {
			t.Errorf("%s: %+v, %v", code, got.Message, err)
		}
	}
}

func TestLongTextsAreCutAtARune(t *testing.T) {
	for _, pad := range []string{"", "a", "ab"} {
		sent := pad + strings.Repeat("€", 30000)
		got, err := DecodeAnswer(answerFrame(t, 4, Answer{Message: &Error{Code: CodeInvalid, Message: sent}}))
		if err != nil {
			t.Fatal(err)
		}
		text := got.Message.(*Error).Message
		if len(text) > shortMax || len(text) < shortMax-2 || !utf8.ValidString(text) || !strings.HasPrefix(sent, text) {
			t.Errorf("pad %q: cut to %d bytes", pad, len(text))
		}
	}
}

func TestPreparedOfAWriteHasNoResult(t *testing.T) {
	m := &Prepared{ID: []byte{1}, Binds: []Column{{"ks", "t", "k", Type{ID: TypeInt}}}, KeyBinds: []uint16{0}}
	f := answerFrame(t, 4, Answer{Message: m})
	if got, err := DecodeAnswer(f); err != nil || !reflect.DeepEqual(got.Message, m) {
		t.Errorf("%+v, %v", got.Message, err)
	}
	if tail := f.Body[len(f.Body)-8:]; !bytes.Equal(tail, []byte{0, 0, 0, 4, 0, 0, 0, 0}) {
		t.Errorf("result metadata % x: drivers look for the flag of no metadata", tail)
	}
}

func TestRowReader(t *testing.T) {
	content := AppendBytes(AppendNull(AppendBytes(AppendBytes(nil, []byte("a")), []byte{})), []byte("b"))
	r := NewRowReader(content, 2, 2)
	var got [][]byte
	for {
		row, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if row == nil {
			break
		}
		got = append(got, row...)
	}
	if want := [][]byte{[]byte("a"), {}, nil, []byte("b")}; !reflect.DeepEqual(got, want) {
		t.Errorf("cells %q, want %q", got, want)
	}
	for name, r := range map[string]*RowReader{
		"more rows than content": NewRowReader(content, 3, 2),
		"cut cell":               NewRowReader(content[:len(content)-1], 2, 2),
	} {
		var err error
		for row := [][]byte{}; row != nil && err == nil; {
			row, err = r.Next()
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if row, err := NewRowReader(nil, 1<<30, 0).Next(); row != nil || err != nil {
		t.Errorf("rows without columns: %v, %v", row, err)
	}
}

func TestDeepTypesAreRefused(t *testing.T) {
	for depth, ok := range map[int]bool{typeDepthMax: true, typeDepthMax + 1: false} {
		typ := Type{ID: TypeInt}
		for range depth {
			typ = Type{ID: TypeList, Elems: []Type{typ}}
		}
		m := &Rows{Metadata: Metadata{Columns: []Column{{Type: typ}}}}
		if _, err := DecodeAnswer(answerFrame(t, 4, Answer{Message: m})); (err == nil) != ok {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}

func TestPlain(t *testing.T) {
	if u, p, err := DecodePlain(AppendPlain(nil, "user", "pass word")); u != "user" || p != "pass word" || err != nil {
		t.Errorf("got %q, %q, %v", u, p, err)
	}
	for _, token := range []string{"", "u", "u\x00p", "\x00\x00p", "\x00u\x00p\x00x"} {
		if _, _, err := DecodePlain([]byte(token)); err == nil {
			t.Errorf("token %q: no error", token)
		}
	}
}

func TestNames(t *testing.T) {
	for c := Any; c <= LocalOne; c++ {
		if got, err := ParseConsistency(strings.ToLower(c.String())); err != nil || got != c {
			t.Errorf("%s: %v, %v", c, got, err)
		}
	}
	if _, err := ParseConsistency("MOST"); err == nil {
		t.Error("MOST is no consistency level")
	}
	for c := CompressionNone; c <= CompressionSnappy; c++ {
		if got, err := ParseCompression(strings.ToUpper(c.String())); err != nil || got != c {
			t.Errorf("%s: %v, %v", c, got, err)
		}
	}
	if _, err := ParseCompression("zip"); err == nil {
		t.Error("zip is no compression")
	}
}

// What is decoded and written again must be decoded to the same.
func FuzzRequest(f *testing.F) {
	for _, p := range requestPairs() {
		frame := requestFrame(f, p.until, p.ours)
		f.Add(byte(frame.Header.Opcode), p.until, byte(0), frame.Body)
	}
	f.Add(byte(OpPrepare), byte(4), FlagCustomPayload, []byte{0, 1, 0, 1, 'k', 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, op, version, flags byte, body []byte) {
		h := Header{Version: VersionMin + version%3, Opcode: Opcode(op), Flags: flags}
		m, err := new(RequestDecoder).Decode(Frame{Header: h, Body: body})
		if err != nil {
			var p *ProtocolError
			if !errors.As(err, &p) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		raw, err := AppendRequest(nil, h, m, CompressionNone)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", m, err)
		}
		again, err := new(RequestDecoder).Decode(Frame{Header: Header{Version: h.Version, Opcode: h.Opcode}, Body: raw[HeaderBytes:]})
		if err != nil {
			t.Fatalf("%+v written as %x: %v", m, raw, err)
		}
		rewritten, err := AppendRequest(nil, h, again, CompressionNone)
		if err != nil || !bytes.Equal(rewritten, raw) {
			t.Fatalf("%+v became %+v (%v)", m, again, err)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	for _, p := range append(append(resultPairs(), otherAnswerPairs()...), errorPairs()...) {
		frame := answerFrame(f, p.until, Answer{Message: p.ours, Warnings: []string{"w"}})
		f.Add(byte(frame.Header.Opcode), p.until, frame.Header.Flags, frame.Body)
	}
	f.Fuzz(func(t *testing.T, op, version, flags byte, body []byte) {
		h := Header{Version: VersionMin + version%3, Response: true, Opcode: Opcode(op), Flags: flags}
		a, err := DecodeAnswer(Frame{Header: h, Body: body})
		if err != nil {
			return
		}
		if rows, ok := a.Message.(*Rows); ok {
			r := NewRowReader(rows.Content, rows.RowCount, rows.Metadata.Count)
			for row := [][]byte{}; row != nil && err == nil; {
				row, err = r.Next()
			}
		}
		raw, err := AppendAnswer(nil, h, a, CompressionNone)
		if err != nil {
			t.Fatal(err)
		}
		header, err := DecodeHeader(raw, len(raw))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeAnswer(Frame{Header: header, Body: raw[HeaderBytes:]}); err != nil {
			t.Fatalf("%+v written as %x: %v", a, raw, err)
		}
	})
}

func TestColumnsAtTheirLimit(t *testing.T) {
	for count, ok := range map[int]bool{columnsMax: true, columnsMax + 1: false, -1: false} {
		m := &Rows{Metadata: Metadata{Skip: true, Count: count}}
		if _, err := DecodeAnswer(answerFrame(t, 4, Answer{Message: m})); (err == nil) != ok {
			t.Errorf("%d columns: %v", count, err)
		}
	}
}
