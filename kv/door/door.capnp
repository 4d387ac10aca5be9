# What clients and nodes say to each other on the native door (kv/door/README.md). The root
# struct of a frame's payload follows from the frame's type (net/frame.h); cluster, node and client
# stand in the frame's header alone.
#
# Fields may be added at the end of a struct; an arm or an enumerator only with a higher protocol
# version, since a reader refuses what it does not know. Nothing is ever renumbered.
@0xb7d4c1f05a9e6123;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::kv::door::wire");

struct ClientHello {
  protocolMin @0 :UInt16;
  protocolMax @1 :UInt16;
  frameBytesMax @2 :UInt64;
  # The largest answer that the client takes.
}

struct ServerHello {
  protocol @0 :UInt16;
  frameBytesMax @1 :UInt64;
  # The largest request that the node takes.
  inFlightMax @2 :UInt32;
  bytesInFlightMax @3 :UInt64;
  idleTimeoutMs @4 :UInt32;
  map @5 :ClusterMap;
}

struct ClusterMap {
  epoch @0 :UInt64;
  hashId @1 :UInt32;
  hashSeed @2 :UInt64;
  doors @3 :List(Door);  # rising by node
  partitions @4 :List(Partition);
}

struct Door {
  node @0 :UInt64;
  address @1 :Data;
}

struct Partition {
  leader @0 :UInt64;  # 0: unknown
  term @1 :UInt64;
  replicas @2 :List(UInt64);
}

struct Goodbye {
  # The node's last word before it closes.
  reason @0 :UInt16;
  retryAfterMs @1 :UInt32;
  protocolMin @2 :UInt16;
  protocolMax @3 :UInt16;
}

struct Request {
  id @0 :UInt64;
  # The client's name for it; the answer carries it.
  deadlineMs @1 :UInt32;
  # Left when sent. 0: the node's own.
  union {
    none @2 :Void;  # a zeroed request asks for nothing, and is refused
    write @3 :Write;
    get @4 :Get;
    scan @5 :Scan;
    openSession @6 :OpenSession;
  }
}

struct Session {
  client @0 :UInt64;
  sequence @1 :UInt64;
  acknowledged @2 :UInt64;
}

struct Operation {
  key @0 :Data;
  union {
    none @1 :Void;
    put @2 :Data;
    remove @3 :Void;
  }
}

struct Write {
  operations @0 :List(Operation);
  ifRevision @1 :UInt64;   # of the first operation's key
  ifAbsent @2 :Bool;
  returnPrevious @3 :Bool;
  idempotencyKey @4 :Data;
  session @5 :Session;     # null: none
}

struct Get {
  key @0 :Data;
  minRevision @1 :UInt64;
  consistency @2 :UInt8;
}

struct Scan {
  prefix @0 :Data;
  start @1 :Data;
  end @2 :Data;
  cursor @3 :Data;
  limit @4 :UInt32;
  reverse @5 :Bool;
  keysOnly @6 :Bool;
  countOnly @7 :Bool;
  consistency @8 :UInt8;
  minRevision @9 :UInt64;
}

struct OpenSession {
  partition @0 :UInt32;
  client @1 :UInt64;
}

struct Item {
  key @0 :Data;
  value @1 :Data;
  createRevision @2 :UInt64;
  modRevision @3 :UInt64;
  version @4 :UInt64;
}

struct Answer {
  id @0 :UInt64;
  union {
    none @1 :Void;
    failure @2 :Failure;
    written @3 :Written;
    item @4 :Found;
    page @5 :Page;
    opened @6 :Void;
  }
}

struct Failure {
  code @0 :UInt16;
  committed @1 :UInt8;
  sessionUnknown @2 :Bool;
  # The session is not known (any more): the write was not carried out by this attempt.
  unrecorded @3 :Bool;
  # The refusal is not the session's answer to this number: an earlier attempt may be.
  retryAfterMs @4 :UInt32;
  revision @5 :UInt64;
  leader @6 :UInt64;
  # Who leads the partition, as far as the node knows; 0: unknown.
  detail @7 :Data;
}

struct Written {
  revision @0 :UInt64;
  version @1 :UInt64;
  deleted @2 :UInt64;
  created @3 :Bool;
  replayed @4 :Bool;
  previous @5 :Item;  # null: none
}

struct Found {
  revision @0 :UInt64;
  item @1 :Item;  # null: absent
}

struct Page {
  items @0 :List(Item);
  next @1 :Data;
  more @2 :Bool;
  # `next` is one.
  count @3 :UInt64;
  revision @4 :UInt64;
}
