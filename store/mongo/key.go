package mongo

import (
	"net/url"

	"go.mongodb.org/mongo-driver/bson"
)

// Ids are made of parts joined by "/", so that all records of one user or conversation stand side by side in the index
// of _id, which every collection has and which alone serves all lists. User, conversation and room ids contain no "/".

// escape makes a part of an id from a name that a client chose: ASCII without "/", different for different names.
func escape(name string) string { return url.PathEscape(name) }

// under is the filter for the ids that begin with prefix and "/". The range is exact: "0" is the byte after "/", and
// strings are compared byte by byte.
func under(prefix string) bson.D { return between(prefix+"/", prefix+"0") }

// between is the filter for the ids between two, exclusive.
func between(above, below string) bson.D {
	return byID(bson.D{{Key: "$gt", Value: above}, {Key: "$lt", Value: below}})
}
