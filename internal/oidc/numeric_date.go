package oidc

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxSeconds is the last second of the year 9999: what lies beyond is no date
// of a token but an overflow waiting for a reader.
const maxSeconds = 253402300799

var errNumber = errors.New("not a number in range")

// number reads a JSON number, or a string that holds a decimal one: some
// providers quote their dates. It refuses NaN, infinity, hexadecimal and
// whatever else is no decimal number.
func number(v any) (float64, error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return 0, errNumber
	}
	if text == "" || len(text) > 32 || strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, errNumber
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, errNumber
	}
	return f, nil
}

// numericDate reads a NumericDate (RFC 7519 §2): seconds since 1970, from 0 to
// the end of the year 9999, fractions allowed.
func numericDate(v any) (time.Time, error) {
	f, err := number(v)
	if err != nil {
		return time.Time{}, err
	}
	if f < 0 || f > maxSeconds {
		return time.Time{}, errNumber
	}
	seconds, fraction := math.Modf(f)
	return time.Unix(int64(seconds), int64(fraction*1e9)), nil
}
