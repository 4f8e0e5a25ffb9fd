// Package certificate reads X.509 certificates and their keys, and chooses one
// for a TLS handshake.
//
//   - pair.go: PEM text → a pair that can be served, or an error that says which
//     of the two is wrong. No error quotes a key.
//   - choice.go: the pairs of one certificate by key type; an Index of them by
//     server name, in Kong's precedence.
//   - files.go: pairs in files, which are read again while the program runs. A
//     pair that is wrong leaves the one that was there in use.
//   - selfsigned.go: a stand-in for development.
//
// It knows neither entities nor listeners.
package certificate
