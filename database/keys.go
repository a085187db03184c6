package database

import (
	"github.com/eskerdb/esker/mutation"
	"github.com/eskerdb/esker/partition"
)

// eachKey calls f for every partition of a table, in order, until one fails. A key is valid until f returns.
func eachKey(view View, table mutation.TableID, f func(*partition.DecoratedKey) error) error {
	keys, err := view.Keys(table, partition.Range{})
	if err != nil {
		return err
	}
	defer keys.Close()
	for {
		key, err := keys.Next()
		if key == nil || err != nil {
			return err
		}
		if err := f(key); err != nil {
			return err
		}
	}
}
