package limit

import "net/netip"

// Address is a client's address as limits count it. Of IPv6 it is the /64: one customer has all of that. What is no
// address stays as it is.
func Address(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}
