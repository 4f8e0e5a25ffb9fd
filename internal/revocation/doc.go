// Package revocation asks whether a certificate was revoked by whoever issued it:
// by OCSP (RFC 6960), else by a CRL (RFC 5280). It asks the addresses that the
// certificate names, so it must only be asked about certificates whose chain was
// verified. It knows nothing of what its answer is for.
//
//	checker.go  the order of sources, calls, proxies
//	ocsp.go     request, and who may have signed the answer
//	crl.go      lists, kept for a while, and what they cover
package revocation
