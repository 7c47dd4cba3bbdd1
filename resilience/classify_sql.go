package resilience

import "reflect"

// ClassifySQLState returns what an SQLSTATE (five characters) means, by ISO 9075 and PostgreSQL's
// appendix A. Any other is Unclassified. It is for adapters. It does not allocate.
func ClassifySQLState(state string) Verdict { return sqlStateVerdict(state, nil) }

// sqlStateVerdict judges an SQLSTATE: the codes of ISO 9075 and PostgreSQL's (its appendix A).
func sqlStateVerdict(state string, err error) Verdict {
	if len(state) != 5 {
		return Unclassified
	}
	switch state {
	case "57P01", "57P02", "57P03", // shut down, crashed, starting up
		"57P05", "25P03", "25P04", // idle or at work for too long
		"57014", "HYT00", "HYT01", // a statement that took too long
		"55P03",          // a lock that is not available
		"25006",          // writes refused: most likely a former primary
		"58000", "58030", // the server's system failed it
		"HV00N", "72000": // a foreign server out of reach, a snapshot too old
		return Transient
	case "40002", // a constraint, found violated at the end of the transaction
		"P0000", "P0001", "P0002", "P0003", "P0004": // PL/pgSQL's own
		return Permanent
	case "0A000":
		if isStalePlan(err) {
			return Transient
		}
	case "55006", "26000": // in use; a prepared statement that is gone: by whose fault is unknown
		return Unclassified
	}
	switch state[:2] {
	case "08", "40": // connection; a transaction that was rolled back
		return Transient
	case "53": // out of connections, memory, disk or a configured limit
		return Overload
	case "02", "03", "07", "09", "0A", "0B", "0D", "0E", "0F", "0K", "0L", "0M", "0N", "0P", "0S", "0T",
		"0U", "0V", "0W", "0X", "0Y", "0Z", "10", "20", "21", "22", "23", "24", "25", "26", "27", "28",
		"2B", "2C", "2D", "2E", "2F", "2H", "30", "33", "34", "35", "36", "38", "39", "3B", "3C", "3D",
		"3F", "42", "44", "46", "54", "55": // statements, values, names, permissions, constraints
		return Permanent
	}
	return Unclassified // among them HY000, XX000, and the states of a user's own SIGNAL or RAISE
}

// isStalePlan reports whether a migration made a prepared statement stale. The client prepares it
// again next time. The SQLSTATE is that of any unsupported feature, and the text is translated, so
// the server's routine identifies it.
func isStalePlan(err error) bool {
	return text(reflect.Indirect(reflect.ValueOf(err)), "Routine") == "RevalidateCachedQuery"
}

// mysqlVerdict judges an error by MySQL's number, and if that is unknown, by its SQLSTATE. The
// number says more: most errors have the state HY000.
func mysqlVerdict(v reflect.Value) Verdict {
	switch number(v, "Number", reflect.Uint16) {
	case 1040, 1203, 1226, // connections, of all and of one user; a quota
		1037, 1038, 1637: // memory, transactions
		return Overload
	case 1205, 1213, 1614, 3572, 1412, 1020, 3101, // locks, deadlocks, a table or row that changed meanwhile
		1053, 1317, 1927, 4031, // shut down, interrupted, killed, idle
		1152, 1158, 1159, 1160, 1161, // cut off
		1290, 1836, // read only: most likely a former primary
		1969, 3024: // a statement that took too long
		return Transient
	case 1062, 1048, 1216, 1217, 1451, 1452, 3819, 4025, // keys and constraints
		1054, 1064, 1146, 1049, 1136, 1264, 1265, 1292, 1364, 1366, 1406, // statements and values
		1044, 1045, 1142, 1143, 1698: // permissions
		return Permanent
	}
	state := field(v, "SQLState")
	if state.Len() != 5 || state.Type().Elem().Kind() != reflect.Uint8 {
		return Unclassified
	}
	var letters [5]byte
	for i := range letters {
		letters[i] = byte(state.Index(i).Uint()) //nolint:gosec // it is one
	}
	return sqlStateVerdict(string(letters[:]), nil)
}
