# The byte form of commands and answers (kv/FORMAT.md). Logs keep these bytes for years: fields are
# only ever added, numbers never change their meaning. A message is one segment in the standard
# stream framing (segment count - 1, words, segment).
@0xe84eaf1c756e4b65;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::kv::wire");

struct Command {
  version @0 :UInt16;
  epoch @1 :UInt32;
  principal @2 :UInt64;
  authRevision @3 :UInt64;
  ifRevision @4 :UInt64;
  ifAbsent @5 :Bool;
  returnPrevious @6 :Bool;
  session @7 :Session;          # null: none
  idempotency @8 :Idempotency;  # null: none
  body :union {
    none @9 :Void;  # never written: zeroed bytes are no command
    write @10 :List(Operation);
    removePrefix @11 :RemovePrefix;
    openSession @12 :Void;
    empty @13 :Void;
    found @14 :Data;
    setCluster @15 :Data;
  }
}

struct Session {
  client @0 :UInt64;
  sequence @1 :UInt64;
  acknowledged @2 :UInt64;
}

struct Idempotency {
  windowMs @0 :UInt32;
  keysMax @1 :UInt32;
  key @2 :Data;
}

struct Operation {
  key @0 :Data;
  union {
    none @1 :Void;
    put @2 :Data;
    remove @3 :Void;
  }
}

struct RemovePrefix {
  limit @0 :UInt32;
  prefix @1 :Data;
  startAfter @2 :Data;
}

enum Refusal {
  none @0;  # applied
  revisionMismatch @1;
  idempotencyMismatch @2;
  overloaded @3;
  badRequest @4;
  noLeader @5;
}

struct Item {
  createRevision @0 :UInt64;
  modRevision @1 :UInt64;
  version @2 :UInt64;
  key @3 :Data;
  value @4 :Data;
}

struct Answer {
  version @0 :UInt16;
  refusal @1 :Refusal;
  sessionUnknown @2 :Bool;
  wrongEpoch @3 :Bool;
  replayed @4 :Bool;
  created @5 :Bool;
  more @6 :Bool;
  revision @7 :UInt64;
  itemVersion @8 :UInt64;
  deleted @9 :UInt64;
  previous @10 :Item;  # null: none
  lastKey @11 :Data;
}
