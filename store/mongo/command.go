package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// The commands that several nouns share.

func byID(id any) bson.D { return bson.D{{Key: "_id", Value: id}} }

func set(fields bson.D) bson.D { return bson.D{{Key: "$set", Value: fields}} }

// find reads all that filter matches into docs, a pointer to a slice.
func find(ctx context.Context, in *mongo.Collection, filter bson.D, docs any, how ...*options.FindOptions) error {
	cursor, err := in.Find(ctx, filter, how...)
	if err != nil {
		return failure(err)
	}
	return failure(cursor.All(ctx, docs))
}

// put sets fields of the document with this id, or inserts doc if there is none; created tells which. The insert, not
// the update, decides which of several callers created it: FerretDB lets upserts of one _id collide.
func put(ctx context.Context, in *mongo.Collection, id, doc any, fields bson.D) (created bool, err error) {
	for {
		// The two alternate only while others insert and delete the same document.
		result, err := in.UpdateOne(ctx, byID(id), set(fields))
		if err != nil || result.MatchedCount > 0 {
			return false, failure(err)
		}
		if _, err = in.InsertOne(ctx, doc); !duplicate(err) {
			return err == nil, failure(err)
		}
	}
}
