package stage

import "reflect"

// Changed returns now with the fields that differ between from and to, as to has them. So a change
// that was made of a Config keeps what others have changed since it was read.
func Changed[C comparable](now, from, to C) C {
	n, was, is := reflect.ValueOf(&now).Elem(), reflect.ValueOf(from), reflect.ValueOf(to)
	for i := range n.NumField() {
		if !was.Field(i).Equal(is.Field(i)) {
			n.Field(i).Set(is.Field(i))
		}
	}
	return now
}
