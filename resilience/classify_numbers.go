package resilience

// replyVerdict judges the code of a reply of SMTP, FTP or NNTP: 4yz is a "transient negative
// completion", 5yz a permanent one (RFC 5321, section 4.2.1).
func replyVerdict(code int) Verdict {
	switch code / 100 {
	case 4:
		return Transient
	case 5:
		return Permanent
	}
	return Unclassified
}

// ldapVerdict judges a result code of RFC 4511, appendix A, or one of go-ldap's own from 200 on.
func ldapVerdict(code int64) Verdict {
	switch code {
	case 3, 52, 85, 200: // timeLimitExceeded, unavailable, a timeout, the network
		return Transient
	case 11, 51: // adminLimitExceeded, busy
		return Overload
	case 1, 80: // operationsError, other: the server's, but of unknown cause
		return Unclassified
	}
	if code > 0 && code < 100 {
		return Permanent
	}
	return Unclassified
}

// sqlServerVerdict judges a number of SQL Server, or of Azure SQL from 10000 on.
func sqlServerVerdict(number int32) Verdict {
	switch number {
	case 1205, 1222, 3960, 3961, // a deadlock, a lock, a snapshot that conflicts
		233, 10053, 10054, 10060, 64, 20, // the connection
		40197, 40540, 40613, 40143, 40166, 4221, 42108, 42109, 615, 926, 6005: // moving, starting or shutting down
		return Transient
	case 701, 8645, 8651, 10928, 10929, 10936, 40501, 49918, 49919, 49920: // memory, workers, requests at a time
		return Overload
	case 547, 515, 2601, 2627, 8152, 2628, 245, 8114, 8115, // constraints, values
		102, 156, 207, 208, 2812, // statements
		229, 230, 262, 4060, 18456: // permissions, logins
		return Permanent
	}
	return Unclassified
}

// amqpVerdict judges a reply code of AMQP 0-9-1 (section 1.2 of its reference).
func amqpVerdict(code int64) Verdict {
	switch code {
	case 320, 504, 541: // closed by an operator, a channel or connection that is gone, internal error
		return Transient
	case 506: // resource error
		return Overload
	case 311, 312, 402, 403, 404, 405, 406, // messages, names, rights, preconditions
		501, 502, 503, 505, 530, 540: // frames, commands
		return Permanent
	}
	return Unclassified
}

// clickHouseVerdict judges an error code of ClickHouse (system.errors lists them).
func clickHouseVerdict(code int64) Verdict {
	switch code {
	case 159, 209, 210, 225, 242, 279, 285, 999: // timeouts, the network, keepers and replicas out of reach
		return Transient
	case 202, 203, 241, 252: // queries at a time, memory, parts
		return Overload
	case 16, 46, 47, 53, 60, 62, 81, 164, 192, 193, 194, 516, 497: // names, types, syntax, users, rights
		return Permanent
	}
	return Unclassified
}
