package storetest

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/parley-chat/parley/chat"
)

func storeStories() []story {
	return []story{
		{name: "it answers", tell: storePing},
		{name: "closed twice", tell: storeClose},
		{name: "after Close nothing panics", tell: storeClosed},
		{name: "a cancelled context is Unavailable", tell: storeCancelled},
	}
}

func storePing(t *testing.T, p *place) {
	noError(t, p.Ping(t.Context()))
	p.reopen(t)
	noError(t, p.Ping(t.Context()))
}

func storeClose(t *testing.T, p *place) {
	noError(t, p.Close())
	noError(t, p.Close())
}

// everyMethod calls each method once but Close, and returns what they said.
func everyMethod(ctx context.Context, s chat.Store) map[string]error {
	ann, bob := newUser(), newUser()
	errs := make(map[string]error)
	errs["CreateAccount"] = s.CreateAccount(ctx, newAccount("Ann"))
	_, errs["Account"] = s.Account(ctx, ann)
	_, errs["Accounts"] = s.Accounts(ctx, []chat.UserID{ann})
	_, errs["AccountByUsername"] = s.AccountByUsername(ctx, "Ann")
	_, errs["AccountByPhone"] = s.AccountByPhone(ctx, "+1")
	_, errs["AccountByEmail"] = s.AccountByEmail(ctx, "ann@example.org")
	_, errs["AccountByNumber"] = s.AccountByNumber(ctx, 1)
	errs["SetNumber"] = s.SetNumber(ctx, ann, newNumber())
	errs["SetProfile"] = s.SetProfile(ctx, ann, chat.ProfileChange{})
	errs["SetEmail"] = s.SetEmail(ctx, ann, "ann@example.org", "")
	errs["EraseAccount"] = s.EraseAccount(ctx, ann, noon())
	_, errs["Erased"] = s.Erased(ctx, []chat.UserID{ann})
	errs["PutCode"] = s.PutCode(ctx, chat.EmailCode{Email: "ann@example.org", Purpose: chat.ForReset, Hash: []byte{1}, Expires: noon()})
	errs["TryCode"] = s.TryCode(ctx, "bob@example.org", chat.ForReset, []byte{1}, noon())
	errs["SweepCodes"] = s.SweepCodes(ctx, noon())
	errs["SetPassword"] = s.SetPassword(ctx, ann, "old", "new")
	_, errs["SetPicture"] = s.SetPicture(ctx, ann, "a.png")
	errs["RevokeTokens"] = s.RevokeTokens(ctx, ann, []chat.Token{newToken("t", 1)}, nil)
	_, errs["AddFriend"] = s.AddFriend(ctx, ann, bob, noon())
	errs["Befriend"] = s.Befriend(ctx, ann, newUser(), noon())
	errs["SetRemark"] = s.SetRemark(ctx, ann, bob, "Bobby")
	_, errs["Friends"] = s.Friends(ctx, ann)
	_, errs["Friendships"] = s.Friendships(ctx, ann)
	_, errs["RemoveFriend"] = s.RemoveFriend(ctx, ann, bob)
	_, errs["PutRequest"] = s.PutRequest(ctx, chat.FriendRequest{From: ann, To: bob, At: noon()})
	_, errs["Requests"] = s.Requests(ctx, bob)
	_, errs["Awaited"] = s.Awaited(ctx, []chat.UserID{bob})
	_, errs["Asked"] = s.Asked(ctx, ann)
	_, errs["TakeRequest"] = s.TakeRequest(ctx, ann, bob)
	_, errs["Block"] = s.Block(ctx, ann, bob, noon())
	_, errs["Blocked"] = s.Blocked(ctx, ann)
	_, errs["Blocks"] = s.Blocks(ctx, [][2]chat.UserID{{ann, bob}})
	_, errs["Unblock"] = s.Unblock(ctx, ann, bob)
	errs["RemoveRelations"] = s.RemoveRelations(ctx, ann)
	_, errs["Befriended"] = s.Befriended(ctx, []chat.UserID{bob}, ann)
	room := newRoom(ann, firstNumber)
	errs["CreateRoom"] = s.CreateRoom(ctx, room, []chat.RoomMember{newMember(room.ID, ann)})
	_, errs["Room"] = s.Room(ctx, room.ID)
	_, errs["RoomByNumber"] = s.RoomByNumber(ctx, room.Number)
	_, errs["RoomByCode"] = s.RoomByCode(ctx, "open")
	_, errs["Rooms"] = s.Rooms(ctx, []chat.RoomID{room.ID})
	errs["ChangeRoom"] = s.ChangeRoom(ctx, room, room.Version)
	_, errs["PutMember"] = s.PutMember(ctx, newMember(room.ID, bob))
	errs["ChangeMember"] = s.ChangeMember(ctx, newMember(room.ID, bob), newMember(room.ID, bob))
	_, errs["Member"] = s.Member(ctx, room.ID, bob)
	_, errs["Members"] = s.Members(ctx, room.ID, "", 1)
	_, errs["Memberships"] = s.Memberships(ctx, bob)
	_, errs["CountMembers"] = s.CountMembers(ctx, []chat.RoomID{room.ID})
	_, errs["RemoveMember"] = s.RemoveMember(ctx, room.ID, bob)
	errs["DeleteRoom"] = s.DeleteRoom(ctx, room.ID)
	_, errs["Append"] = s.Append(ctx, []chat.Message{text(ann, bob, "ref", `1`)})
	_, errs["Since"] = s.Since(ctx, chat.DirectConv(ann, bob), 0, 1)
	_, errs["Before"] = s.Before(ctx, chat.DirectConv(ann, bob), 0, 1)
	_, errs["Last"] = s.Last(ctx, []chat.ConvID{chat.DirectConv(ann, bob)})
	_, errs["ChangeMessage"] = s.ChangeMessage(ctx, chat.Message{Conv: chat.DirectConv(ann, bob), Seq: 1 << 40}, 0)
	_, errs["Changed"] = s.Changed(ctx, chat.DirectConv(ann, bob), 0, 1)
	_, errs["LastChanges"] = s.LastChanges(ctx, []chat.ConvID{chat.DirectConv(ann, bob)})
	_, errs["Newest"] = s.Newest(ctx, []chat.ConvID{chat.DirectConv(ann, bob)})
	_, errs["Conversations"] = s.Conversations(ctx, ann)
	errs["AdvanceCursors"] = s.AdvanceCursors(ctx, []chat.Cursor{{User: ann, Conv: chat.DirectConv(ann, bob), Seq: 1}})
	_, errs["CursorsAt"] = s.CursorsAt(ctx, []chat.Cursor{{User: ann, Conv: chat.DirectConv(ann, bob)}})
	_, errs["Cursors"] = s.Cursors(ctx, ann, "")
	_, errs["PutDevice"] = s.PutDevice(ctx, chat.Device{User: ann, ID: "phone", Seen: noon()})
	_, errs["Devices"] = s.Devices(ctx, ann)
	errs["DeleteDevice"] = s.DeleteDevice(ctx, ann, "phone")
	errs["See"] = s.See(ctx, []chat.Sighting{{User: ann, Device: "phone", At: noon()}})
	_, errs["LastSeen"] = s.LastSeen(ctx, []chat.UserID{ann})
	errs["PutSocket"] = s.PutSocket(ctx, socketOf(ann, "s1", "node"))
	errs["DeleteSocket"] = s.DeleteSocket(ctx, ann, "s1")
	_, errs["Sockets"] = s.Sockets(ctx, []chat.UserID{ann}, noon())
	errs["Beat"] = s.Beat(ctx, "node", noon())
	_, errs["SweepSockets"] = s.SweepSockets(ctx, noon())
	file := newFile(ann, 1)
	errs["PutFile"] = s.PutFile(ctx, file, 1<<40)
	_, errs["File"] = s.File(ctx, file.ID)
	_, errs["Files"] = s.Files(ctx, "", 1)
	_, errs["LooseFiles"] = s.LooseFiles(ctx, noon(), "", 1)
	_, errs["FilesWeight"] = s.FilesWeight(ctx, ann)
	_, errs["FileUsed"] = s.FileUsed(ctx, file.ID)
	errs["SetFileState"] = s.SetFileState(ctx, file.ID, chat.FileNew, chat.FileKept, noon())
	errs["DeleteFile"] = s.DeleteFile(ctx, file.ID)
	errs["PutSketches"] = s.PutSketches(ctx, chat.DirectConv(ann, bob), []chat.Sketch{{Oldest: noon(), Bits: []byte{1}}})
	_, errs["Sketches"] = s.Sketches(ctx, chat.DirectConv(ann, bob), 0, 1)
	_, _, errs["Expire"] = s.Expire(ctx, noon(), "", 1)
	errs["Export"] = s.Export(ctx, func(*chat.Batch) error { return nil })
	_, errs["Import"] = s.Import(ctx, &chat.Batch{Friends: []chat.Friendship{{Owner: ann, Friend: newUser(), Since: noon()}}})
	errs["DropSketches"] = s.DropSketches(ctx, noon())
	errs["Ping"] = s.Ping(ctx)
	return errs
}

func storeClosed(t *testing.T, p *place) {
	noError(t, p.Close())
	errs := everyMethod(t.Context(), p.Store)
	for method, err := range errs {
		wantCode(t, method, err, chat.Unavailable)
	}
	all := reflect.TypeFor[chat.Store]()
	for i := range all.NumMethod() {
		name := all.Method(i).Name
		if _, ok := errs[name]; !ok && name != "Close" {
			t.Errorf("%s is not called", name)
		}
	}
}

func storeCancelled(t *testing.T, p *place) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for method, err := range everyMethod(gone, p.Store) {
		// An engine may answer all the same; what it says is an *Error of a code the method knows.
		var e *chat.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %T is not a *chat.Error: %v", method, err, err)
		}
		if code := chat.CodeOf(err); code != "" && code != chat.Unavailable && code != chat.NotFound {
			t.Errorf("%s: %v", method, err)
		}
	}
}
