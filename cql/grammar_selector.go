package cql

// postfix reads `a[key].field` in selectors; values have no such forms.
func (r *termReader) postfix() (Term, error) {
	of, err := r.primary()
	if err != nil || !r.columns {
		return of, err
	}
	depth := r.depth
	for {
		pos := position(r.lex.Peek().Pos)
		switch {
		case accept(r.lex, "["):
			if of, err = r.elements(pos, of); err != nil {
				return nil, err
			}
		case accept(r.lex, "."):
			name, err := readName(r.lex)
			if err != nil {
				return nil, err
			}
			of = &Field{Pos: pos, Of: of, Name: name}
		default:
			r.depth = depth
			return of, nil
		}
		if err := r.deeper(); err != nil {
			return nil, err
		}
	}
}

// elements reads the key of an element of a selector or a range, and the closing bracket; the opening one is passed.
func (r *termReader) elements(pos Pos, of Term) (Term, error) {
	if r.dots() {
		to, err := r.index()
		return &Range{Pos: pos, Of: of, To: to}, err
	}
	from, err := r.value()
	if err != nil {
		return nil, err
	}
	if !r.dots() {
		return &Element{Pos: pos, Of: of, Key: from}, expect(r.lex, "]")
	}
	if accept(r.lex, "]") {
		return &Range{Pos: pos, Of: of, From: from}, nil
	}
	to, err := r.index()
	return &Range{Pos: pos, Of: of, From: from, To: to}, err
}

// dots passes the two dots of a range, if they follow.
func (r *termReader) dots() bool {
	if r.lex.Peek().Value != "." || second(r.lex).Value != "." {
		return false
	}
	r.lex.Next()
	r.lex.Next()
	return true
}

// index reads the key of an element and its closing bracket; the opening one is passed.
func (r *termReader) index() (Term, error) {
	key, err := r.value()
	if err != nil {
		return nil, err
	}
	return key, expect(r.lex, "]")
}

// value reads a term in which bare names are no columns, whatever the reader's own rule.
func (r *termReader) value() (Term, error) {
	saved := r.columns
	r.columns = false
	defer func() { r.columns = saved }()
	return r.term()
}
