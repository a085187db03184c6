package wire

import (
	"bytes"
	"net"
	"net/netip"
	"reflect"
	"testing"

	"github.com/datastax/go-cassandra-native-protocol/compression/lz4"
	"github.com/datastax/go-cassandra-native-protocol/compression/snappy"
	"github.com/datastax/go-cassandra-native-protocol/datatype"
	"github.com/datastax/go-cassandra-native-protocol/frame"
	"github.com/datastax/go-cassandra-native-protocol/message"
	"github.com/datastax/go-cassandra-native-protocol/primitive"
)

// The oracle is an independent codec. For each pair of equal messages, ours and the oracle's, both must write the same
// bytes, and ours must come back from the bytes that the oracle wrote.

func oracleBytes(t *testing.T, version byte, stream int16, m message.Message, change func(*frame.Frame)) []byte {
	t.Helper()
	f := frame.NewFrame(primitive.ProtocolVersion(version), stream, m)
	if change != nil {
		change(f)
	}
	var out bytes.Buffer
	if err := frame.NewCodec().EncodeFrame(f, &out); err != nil {
		t.Fatalf("oracle: %v", err)
	}
	return out.Bytes()
}

// split gives back the frame that raw is.
func split(t *testing.T, raw []byte) Frame {
	t.Helper()
	h, err := DecodeHeader(raw, 0)
	if err != nil {
		t.Fatal(err)
	}
	if h.Length != len(raw)-HeaderBytes {
		t.Fatalf("header says %d bytes, the body has %d", h.Length, len(raw)-HeaderBytes)
	}
	return Frame{Header: h, Body: raw[HeaderBytes:]}
}

func ptr[T any](v T) *T { return &v }

type requestPair struct {
	name   string
	since  byte
	until  byte
	ours   Request
	theirs message.Message
}

func requestPairs() []requestPair {
	text := []byte("SELECT v FROM ks.t WHERE k = ?")
	return []requestPair{
		{"startup", 3, 5, &Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}},
			&message.Startup{Options: map[string]string{"CQL_VERSION": "3.0.0"}}},
		{"options", 3, 5, &Options{}, &message.Options{}},
		{"auth response", 3, 5, &AuthResponse{Token: []byte("\x00u\x00p")}, &message.AuthResponse{Token: []byte("\x00u\x00p")}},
		{"register", 3, 5, &Register{Events: []EventType{SchemaChanged, StatusChange}},
			&message.Register{EventTypes: []primitive.EventType{primitive.EventTypeSchemaChange, primitive.EventTypeStatusChange}}},
		{"prepare", 3, 5, &Prepare{Text: text}, &message.Prepare{Query: string(text)}},
		{"bare query", 3, 5, &Query{Text: text, Params: QueryParams{Consistency: Quorum}},
			&message.Query{Query: string(text), Options: &message.QueryOptions{Consistency: primitive.ConsistencyLevelQuorum}}},
		{"named query", 3, 5, &Query{Text: text, Params: QueryParams{Consistency: LocalOne, Names: []string{"k"}, Values: []Value{{Bytes: []byte{7}}}}},
			&message.Query{Query: string(text), Options: &message.QueryOptions{
				Consistency: primitive.ConsistencyLevelLocalOne,
				NamedValues: map[string]*primitive.Value{"k": primitive.NewValue([]byte{7})}}}},
		{"full execute", 3, 4, &Execute{ID: []byte{1, 2, 3}, Params: QueryParams{
			Consistency: LocalQuorum, SkipMetadata: true, PageSize: 5000,
			Tail: Tail{HasTimestamp: true, SerialConsistency: LocalSerial, DefaultTimestamp: 1234567}, PagingState: []byte("state"),
			Values: []Value{{Bytes: []byte("a")}, Null, {Bytes: []byte{}}}}},
			&message.Execute{QueryId: []byte{1, 2, 3}, Options: &message.QueryOptions{
				Consistency: primitive.ConsistencyLevelLocalQuorum, SkipMetadata: true, PageSize: 5000,
				SerialConsistency: ptr(primitive.ConsistencyLevelLocalSerial), DefaultTimestamp: ptr(int64(1234567)),
				PagingState: []byte("state"),
				PositionalValues: []*primitive.Value{
					primitive.NewValue([]byte("a")), primitive.NewNullValue(), primitive.NewValue([]byte{})}}}},
		{"unset", 4, 4, &Execute{ID: []byte{9}, Params: QueryParams{Values: []Value{Unset, Null}}},
			&message.Execute{QueryId: []byte{9}, Options: &message.QueryOptions{
				PositionalValues: []*primitive.Value{primitive.NewUnsetValue(), primitive.NewNullValue()}}}},
		{"batch", 3, 5, &Batch{Kind: BatchUnlogged, Consistency: All,
			Tail: Tail{HasTimestamp: true, DefaultTimestamp: -5, SerialConsistency: Serial},
			Entries: []BatchEntry{
				{Text: text, Values: []Value{{Bytes: []byte("x")}}},
				{ID: []byte{4, 5}, Values: []Value{Null, {Bytes: []byte("yz")}}},
				{Text: text, Values: []Value{}}}},
			&message.Batch{Type: primitive.BatchTypeUnlogged, Consistency: primitive.ConsistencyLevelAll,
				DefaultTimestamp: ptr(int64(-5)), SerialConsistency: ptr(primitive.ConsistencyLevelSerial),
				Children: []*message.BatchChild{
					{Query: string(text), Values: []*primitive.Value{primitive.NewValue([]byte("x"))}},
					{Id: []byte{4, 5}, Values: []*primitive.Value{primitive.NewNullValue(), primitive.NewValue([]byte("yz"))}},
					{Query: string(text)}}}},
		{"prepare in a keyspace", 5, 5, &Prepare{Text: text, Keyspace: []byte("ks")}, &message.Prepare{Query: string(text), Keyspace: "ks"}},
		{"query in a keyspace", 5, 5, &Query{Text: text, Params: QueryParams{Consistency: One, Tail: Tail{
			Keyspace: []byte("ks"), HasNow: true, NowSeconds: 1 << 30, HasTimestamp: true, DefaultTimestamp: 8}}},
			&message.Query{Query: string(text), Options: &message.QueryOptions{
				Consistency: primitive.ConsistencyLevelOne, Keyspace: "ks", NowInSeconds: ptr(int32(1 << 30)), DefaultTimestamp: ptr(int64(8))}}},
		{"execute with the id of its result", 5, 5, &Execute{ID: []byte{9}, ResultID: []byte{7, 7}, Params: QueryParams{
			SkipMetadata: true, Values: []Value{Unset, Null}, Tail: Tail{HasNow: true}}},
			&message.Execute{QueryId: []byte{9}, ResultMetadataId: []byte{7, 7}, Options: &message.QueryOptions{
				SkipMetadata: true, NowInSeconds: ptr(int32(0)),
				PositionalValues: []*primitive.Value{primitive.NewUnsetValue(), primitive.NewNullValue()}}}},
		{"batch in a keyspace", 5, 5, &Batch{Kind: BatchLogged, Consistency: One, Entries: []BatchEntry{{Text: text, Values: []Value{Unset}}},
			Tail: Tail{Keyspace: []byte("ks"), HasNow: true, NowSeconds: 5}},
			&message.Batch{Type: primitive.BatchTypeLogged, Consistency: primitive.ConsistencyLevelOne, Keyspace: "ks", NowInSeconds: ptr(int32(5)),
				Children: []*message.BatchChild{{Query: string(text), Values: []*primitive.Value{primitive.NewUnsetValue()}}}}},
	}
}

func TestRequestsAgreeWithOracle(t *testing.T) {
	for version := VersionMin; version <= VersionMax; version++ {
		for _, p := range requestPairs() {
			if version < p.since || version > p.until {
				continue
			}
			theirs := oracleBytes(t, version, 77, p.theirs, nil)
			ours, err := AppendRequest(nil, Header{Version: version, Stream: 77}, p.ours, CompressionNone)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ours, theirs) {
				t.Errorf("v%d %s:\n   ours %x\n theirs %x", version, p.name, ours, theirs)
			}
			var d RequestDecoder
			got, err := d.Decode(split(t, theirs))
			if err != nil {
				t.Fatalf("v%d %s: %v", version, p.name, err)
			}
			if !equalRequests(got, p.ours) {
				t.Errorf("v%d %s: decoded %+v, want %+v", version, p.name, got, p.ours)
			}
		}
	}
}

// equalRequests ignores the memory that decoding keeps.
func equalRequests(a, b Request) bool {
	if batch, ok := a.(*Batch); ok {
		c := *batch
		c.values = nil
		a = &c
	}
	for _, m := range []Request{a, b} {
		if p := paramsOf(m); p != nil {
			if len(p.Names) == 0 {
				p.Names = nil
			}
			if len(p.Values) == 0 {
				p.Values = nil
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

func paramsOf(m Request) *QueryParams {
	switch m := m.(type) {
	case *Query:
		return &m.Params
	case *Execute:
		return &m.Params
	}
	return nil
}

type answerPair struct {
	name   string
	since  byte
	until  byte
	ours   Response
	theirs message.Message
}

func resultPairs() []answerPair {
	udtType, _ := datatype.NewUserDefined("ks", "u", []string{"a", "b"}, []datatype.DataType{datatype.Int, datatype.NewList(datatype.Varchar)})
	columns := []Column{
		{"ks", "t", "k", Type{ID: TypeInt}},
		{"ks", "t", "m", Type{ID: TypeMap, Elems: []Type{{ID: TypeVarchar}, {ID: TypeSet, Elems: []Type{{ID: TypeBigint}}}}}},
		{"ks", "t", "u", Type{ID: TypeUDT, Elems: []Type{{ID: TypeInt}, {ID: TypeList, Elems: []Type{{ID: TypeVarchar}}}},
			UDT: &UDT{Keyspace: "ks", Name: "u", Fields: []string{"a", "b"}}}},
		{"ks", "t", "p", Type{ID: TypeTuple, Elems: []Type{{ID: TypeDouble}, {ID: TypeUUID}}}},
		{"ks", "t", "c", Type{ID: TypeCustom, Custom: "com.example.Odd"}},
	}
	theirs := []*message.ColumnMetadata{
		{Keyspace: "ks", Table: "t", Name: "k", Type: datatype.Int},
		{Keyspace: "ks", Table: "t", Name: "m", Type: datatype.NewMap(datatype.Varchar, datatype.NewSet(datatype.Bigint))},
		{Keyspace: "ks", Table: "t", Name: "u", Type: udtType},
		{Keyspace: "ks", Table: "t", Name: "p", Type: datatype.NewTuple(datatype.Double, datatype.Uuid)},
		{Keyspace: "ks", Table: "t", Name: "c", Type: datatype.NewCustom("com.example.Odd")},
	}
	young := []Column{
		{"ks", "a", "d", Type{ID: TypeDate}}, {"ks", "b", "t", Type{ID: TypeTime}},
		{"ks", "a", "s", Type{ID: TypeSmallint}}, {"ks", "a", "y", Type{ID: TypeTinyint}},
	}
	theirYoung := []*message.ColumnMetadata{
		{Keyspace: "ks", Table: "a", Name: "d", Type: datatype.Date}, {Keyspace: "ks", Table: "b", Name: "t", Type: datatype.Time},
		{Keyspace: "ks", Table: "a", Name: "s", Type: datatype.Smallint}, {Keyspace: "ks", Table: "a", Name: "y", Type: datatype.Tinyint},
	}
	content := AppendNull(AppendBytes(nil, []byte{1, 2}))
	return []answerPair{
		{"void", 3, 5, &Void{}, &message.VoidResult{}},
		{"set keyspace", 3, 5, &SetKeyspace{Keyspace: "ks"}, &message.SetKeyspaceResult{Keyspace: "ks"}},
		{"rows of one table", 3, 5, &Rows{Metadata: Metadata{Columns: columns, Count: 5, PagingState: []byte("next")}, Content: []byte{}},
			&message.RowsResult{Metadata: &message.RowsMetadata{ColumnCount: 5, Columns: theirs, PagingState: []byte("next")}}},
		{"rows of two tables", 4, 5, &Rows{Metadata: Metadata{Columns: young, Count: 4}, Content: []byte{}},
			&message.RowsResult{Metadata: &message.RowsMetadata{ColumnCount: 4, Columns: theirYoung}}},
		{"rows without metadata", 3, 5, &Rows{Metadata: Metadata{Skip: true, Count: 2}, RowCount: 1, Content: content},
			&message.RowsResult{Metadata: &message.RowsMetadata{ColumnCount: 2}, Data: message.RowSet{{{1, 2}, nil}}}},
		{"prepared", 4, 4, &Prepared{ID: []byte{8, 9}, Binds: columns[:2], KeyBinds: []uint16{1, 0}, Result: columns[:1]},
			&message.PreparedResult{PreparedQueryId: []byte{8, 9},
				VariablesMetadata: &message.VariablesMetadata{PkIndices: []uint16{1, 0}, Columns: theirs[:2]},
				ResultMetadata:    &message.RowsMetadata{ColumnCount: 1, Columns: theirs[:1]}}},
		{"prepared with an id of its result", 5, 5, &Prepared{ID: []byte{8, 9}, ResultID: []byte{6}, Binds: columns[:2], KeyBinds: []uint16{1, 0}, Result: columns[:1]},
			&message.PreparedResult{PreparedQueryId: []byte{8, 9}, ResultMetadataId: []byte{6},
				VariablesMetadata: &message.VariablesMetadata{PkIndices: []uint16{1, 0}, Columns: theirs[:2]},
				ResultMetadata:    &message.RowsMetadata{ColumnCount: 1, Columns: theirs[:1]}}},
		{"rows with changed metadata", 5, 5, &Rows{Metadata: Metadata{Columns: columns[:1], Count: 1, PagingState: []byte("next"), ChangedID: []byte{7}}, Content: []byte{}},
			&message.RowsResult{Metadata: &message.RowsMetadata{ColumnCount: 1, Columns: theirs[:1], PagingState: []byte("next"), NewResultMetadataId: []byte{7}}}},
		{"prepared before keys", 3, 3, &Prepared{ID: []byte{8, 9}, Binds: columns[:2], Result: columns[:1]},
			&message.PreparedResult{PreparedQueryId: []byte{8, 9},
				VariablesMetadata: &message.VariablesMetadata{Columns: theirs[:2]},
				ResultMetadata:    &message.RowsMetadata{ColumnCount: 1, Columns: theirs[:1]}}},
		{"table created", 3, 5, &SchemaResult{SchemaChange{Change: ChangeCreated, Target: TargetTable, Keyspace: "ks", Name: "t"}},
			&message.SchemaChangeResult{ChangeType: primitive.SchemaChangeTypeCreated, Target: primitive.SchemaChangeTargetTable, Keyspace: "ks", Object: "t"}},
		{"keyspace dropped", 3, 5, &SchemaResult{SchemaChange{Change: ChangeDropped, Target: TargetKeyspace, Keyspace: "ks"}},
			&message.SchemaChangeResult{ChangeType: primitive.SchemaChangeTypeDropped, Target: primitive.SchemaChangeTargetKeyspace, Keyspace: "ks"}},
	}
}

func otherAnswerPairs() []answerPair {
	return []answerPair{
		{"ready", 3, 5, &Ready{}, &message.Ready{}},
		{"authenticate", 3, 5, &Authenticate{Class: PasswordAuthenticator}, &message.Authenticate{Authenticator: PasswordAuthenticator}},
		{"auth challenge", 3, 5, &AuthChallenge{Token: []byte("c")}, &message.AuthChallenge{Token: []byte("c")}},
		{"auth success", 3, 5, &AuthSuccess{}, &message.AuthSuccess{}},
		{"supported", 3, 5, &Supported{Options: map[string][]string{"COMPRESSION": {"lz4", "snappy"}}},
			&message.Supported{Options: map[string][]string{"COMPRESSION": {"lz4", "snappy"}}}},
		{"function event", 4, 5, &Event{Type: SchemaChanged, Schema: SchemaChange{
			Change: ChangeUpdated, Target: TargetFunction, Keyspace: "ks", Name: "f", Arguments: []string{"int", "text"}}},
			&message.SchemaChangeEvent{ChangeType: primitive.SchemaChangeTypeUpdated, Target: primitive.SchemaChangeTargetFunction,
				Keyspace: "ks", Object: "f", Arguments: []string{"int", "text"}}},
		{"status event", 3, 5, &Event{Type: StatusChange, Change: "UP", Address: netip.MustParseAddrPort("10.1.2.3:9042")},
			&message.StatusChangeEvent{ChangeType: primitive.StatusChangeTypeUp,
				Address: &primitive.Inet{Addr: net.IPv4(10, 1, 2, 3), Port: 9042}}},
		{"topology event", 3, 5, &Event{Type: TopologyChange, Change: "NEW_NODE", Address: netip.MustParseAddrPort("[2001:db8::1]:9042")},
			&message.TopologyChangeEvent{ChangeType: primitive.TopologyChangeTypeNewNode,
				Address: &primitive.Inet{Addr: net.ParseIP("2001:db8::1"), Port: 9042}}},
	}
}

func errorPairs() []answerPair {
	const text = "why"
	reasons := []FailureReason{{netip.MustParseAddr("10.1.2.3"), 1}, {netip.MustParseAddr("2001:db8::1"), 0}}
	theirReasons := []*primitive.FailureReason{{Endpoint: net.IPv4(10, 1, 2, 3), Code: 1}, {Endpoint: net.ParseIP("2001:db8::1"), Code: 0}}
	return []answerPair{
		{"server", 3, 5, &Error{CodeServer, text, nil}, &message.ServerError{ErrorMessage: text}},
		{"protocol", 3, 5, &Error{CodeProtocol, text, nil}, &message.ProtocolError{ErrorMessage: text}},
		{"credentials", 3, 5, &Error{CodeBadCredentials, text, nil}, &message.AuthenticationError{ErrorMessage: text}},
		{"overloaded", 3, 5, &Error{CodeOverloaded, text, nil}, &message.Overloaded{ErrorMessage: text}},
		{"bootstrapping", 3, 5, &Error{CodeBootstrapping, text, nil}, &message.IsBootstrapping{ErrorMessage: text}},
		{"truncate", 3, 5, &Error{CodeTruncate, text, nil}, &message.TruncateError{ErrorMessage: text}},
		{"syntax", 3, 5, &Error{CodeSyntax, text, nil}, &message.SyntaxError{ErrorMessage: text}},
		{"unauthorized", 3, 5, &Error{CodeUnauthorized, text, nil}, &message.Unauthorized{ErrorMessage: text}},
		{"invalid", 3, 5, &Error{CodeInvalid, text, nil}, &message.Invalid{ErrorMessage: text}},
		{"config", 3, 5, &Error{CodeConfig, text, nil}, &message.ConfigError{ErrorMessage: text}},
		{"unavailable", 3, 5, &Error{CodeUnavailable, text, Unavailable{Quorum, 2, 1}},
			&message.Unavailable{ErrorMessage: text, Consistency: primitive.ConsistencyLevelQuorum, Required: 2, Alive: 1}},
		{"write timeout", 3, 5, &Error{CodeWriteTimeout, text, WriteTimeout{One, 1, 2, "BATCH", 0}},
			&message.WriteTimeout{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, WriteType: "BATCH"}},
		{"read timeout", 3, 5, &Error{CodeReadTimeout, text, ReadTimeout{One, 1, 2, true}},
			&message.ReadTimeout{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, DataPresent: true}},
		{"read failure", 4, 4, &Error{CodeReadFailure, text, ReadFailure{One, 1, 2, 3, true, nil}},
			&message.ReadFailure{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, NumFailures: 3, DataPresent: true}},
		{"write failure", 4, 4, &Error{CodeWriteFailure, text, WriteFailure{One, 1, 2, 3, "SIMPLE", nil}},
			&message.WriteFailure{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, NumFailures: 3, WriteType: "SIMPLE"}},
		{"read failure with reasons", 5, 5, &Error{CodeReadFailure, text, ReadFailure{One, 1, 2, 2, true, reasons}},
			&message.ReadFailure{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, FailureReasons: theirReasons, DataPresent: true}},
		{"write failure with reasons", 5, 5, &Error{CodeWriteFailure, text, WriteFailure{One, 1, 2, 2, "SIMPLE", reasons}},
			&message.WriteFailure{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, FailureReasons: theirReasons, WriteType: "SIMPLE"}},
		{"write timeout of a condition", 5, 5, &Error{CodeWriteTimeout, text, WriteTimeout{One, 1, 2, "CAS", 5}},
			&message.WriteTimeout{ErrorMessage: text, Consistency: primitive.ConsistencyLevelOne, Received: 1, BlockFor: 2, WriteType: "CAS", Contentions: 5}},
		{"function failure", 4, 5, &Error{CodeFunctionFailure, text, FunctionFailure{"ks", "f", []string{"int"}}},
			&message.FunctionFailure{ErrorMessage: text, Keyspace: "ks", Function: "f", Arguments: []string{"int"}}},
		{"already exists", 3, 5, &Error{CodeAlreadyExists, text, AlreadyExists{"ks", "t"}},
			&message.AlreadyExists{ErrorMessage: text, Keyspace: "ks", Table: "t"}},
		{"unprepared", 3, 5, &Error{CodeUnprepared, text, Unprepared{[]byte{1, 2}}},
			&message.Unprepared{ErrorMessage: text, Id: []byte{1, 2}}},
	}
}

func TestAnswersAgreeWithOracle(t *testing.T) {
	pairs := append(append(resultPairs(), otherAnswerPairs()...), errorPairs()...)
	for version := VersionMin; version <= VersionMax; version++ {
		for _, p := range pairs {
			if version < p.since || version > p.until {
				continue
			}
			theirs := oracleBytes(t, version, -1, p.theirs, nil)
			ours, err := AppendAnswer(nil, Header{Version: version, Stream: -1}, Answer{Message: p.ours}, CompressionNone)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ours, theirs) {
				t.Errorf("v%d %s:\n   ours %x\n theirs %x", version, p.name, ours, theirs)
			}
			got, err := DecodeAnswer(split(t, theirs))
			if err != nil {
				t.Fatalf("v%d %s: %v", version, p.name, err)
			}
			if !reflect.DeepEqual(got.Message, p.ours) {
				t.Errorf("v%d %s: decoded %+v, want %+v", version, p.name, got.Message, p.ours)
			}
		}
	}
}

func TestWhatStandsBeforeTheMessageAgreesWithOracle(t *testing.T) {
	id := [16]byte{1, 2, 3}
	answer := Answer{TracingID: id, Warnings: []string{"slow", "very slow"}, Message: &SetKeyspace{Keyspace: "ks"}}
	theirs := oracleBytes(t, 4, 5, &message.SetKeyspaceResult{Keyspace: "ks"}, func(f *frame.Frame) {
		f.SetTracingId((*primitive.UUID)(&id))
		f.SetWarnings(answer.Warnings)
	})
	ours, err := AppendAnswer(nil, Header{Version: 4, Stream: 5}, answer, CompressionNone)
	if err != nil || !bytes.Equal(ours, theirs) {
		t.Fatalf("   ours %x (%v)\n theirs %x", ours, err, theirs)
	}
	got, err := DecodeAnswer(split(t, theirs))
	if err != nil || !reflect.DeepEqual(got, answer) {
		t.Fatalf("decoded %+v, %v", got, err)
	}
	payload := map[string][]byte{"key": {1}, "null": nil}
	theirs = oracleBytes(t, 4, 5, &message.Prepare{Query: "q"}, func(f *frame.Frame) { f.SetCustomPayload(payload) })
	request, err := new(RequestDecoder).Decode(split(t, theirs))
	if err != nil || !reflect.DeepEqual(request, &Prepare{Text: []byte("q")}) {
		t.Fatalf("behind a payload: %+v, %v", request, err)
	}
}

func TestCompressionAgreesWithOracle(t *testing.T) {
	text := bytes.Repeat([]byte("INSERT INTO t (k) VALUES (1); "), 100)
	for compression, compressor := range map[Compression]frame.BodyCompressor{
		CompressionLZ4: lz4.Compressor{}, CompressionSnappy: snappy.Compressor{},
	} {
		codec := frame.NewCodecWithCompression(compressor)
		raw, err := AppendRequest(nil, Header{Version: 4, Stream: 3}, &Prepare{Text: text}, compression)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > len(text)/2 {
			t.Errorf("%s: %d bytes of text became %d", compression, len(text), len(raw))
		}
		if compression == CompressionSnappy { // the oracle guesses the length for lz4 and guesses too low here
			f, err := codec.DecodeFrame(bytes.NewReader(raw))
			if err != nil {
				t.Fatalf("%s: oracle: %v", compression, err)
			}
			if got := f.Body.Message.(*message.Prepare).Query; got != string(text) {
				t.Errorf("%s: oracle read %q", compression, got)
			}
		}
		theirs := frame.NewFrame(primitive.ProtocolVersion4, 3, &message.Prepare{Query: string(text)})
		theirs.SetCompress(true)
		var out bytes.Buffer
		if err := codec.EncodeFrame(theirs, &out); err != nil {
			t.Fatal(err)
		}
		got, err := readOne(out.Bytes(), compression)
		if err != nil {
			t.Fatalf("%s: %v", compression, err)
		}
		if m, err := new(RequestDecoder).Decode(got); err != nil || !bytes.Equal(m.(*Prepare).Text, text) {
			t.Errorf("%s: decoded %v, %v", compression, m, err)
		}
	}
}
