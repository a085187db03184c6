package traffic

// countersMax is how many names a sketch counts at a time.
const countersMax = 512

// sketch finds the names with the largest sums among any number of them, in bounded memory (space-saving, Metwally 2005).
//
// A name that is counted took at least count−slack and at most count. The slack of each, and the sum of a name that is not
// counted, are at most the sum of all weights divided by countersMax.
type sketch struct {
	at       map[string]int32 // places in counters
	counters []counter
	heap     []int32 // places in counters; the smallest count first
}

// counter is the sum of one name.
type counter struct {
	name         string
	count, slack int64
	place        int32 // in the heap
}

// add adds a weight of 0 or more. The bytes of name are not kept.
func (s *sketch) add(name []byte, weight int64) {
	if weight == 0 {
		return
	}
	if i, known := s.at[string(name)]; known {
		s.counters[i].count += weight
		s.sink(int(s.counters[i].place))
		return
	}
	if len(s.counters) < countersMax {
		s.enter(string(name), weight)
		return
	}
	// The name with the smallest sum gives its place away, and its sum: the new one may have been the owner of any part of it.
	i := s.heap[0]
	c := &s.counters[i]
	delete(s.at, c.name)
	c.name, c.slack = string(name), c.count
	c.count += weight
	s.at[c.name] = i
	s.sink(0)
}

// enter counts one more name.
func (s *sketch) enter(name string, weight int64) {
	if s.at == nil {
		s.at = make(map[string]int32)
	}
	i, place := int32(len(s.counters)), len(s.heap)
	s.counters = append(s.counters, counter{name: name, count: weight, place: int32(place)})
	s.heap = append(s.heap, i)
	s.at[name] = i
	for place > 0 && s.countAt(place) < s.countAt((place-1)/2) {
		s.swap(place, (place-1)/2)
		place = (place - 1) / 2
	}
}

func (s *sketch) countAt(place int) int64 { return s.counters[s.heap[place]].count }

// sink moves a counter that has grown to where it belongs.
func (s *sketch) sink(place int) {
	for {
		least := place
		for child := 2*place + 1; child <= 2*place+2 && child < len(s.heap); child++ {
			if s.countAt(child) < s.countAt(least) {
				least = child
			}
		}
		if least == place {
			return
		}
		s.swap(place, least)
		place = least
	}
}

func (s *sketch) swap(a, b int) {
	s.heap[a], s.heap[b] = s.heap[b], s.heap[a]
	s.counters[s.heap[a]].place, s.counters[s.heap[b]].place = int32(a), int32(b)
}
