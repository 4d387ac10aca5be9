# What nodes say to each other. The root struct of a frame's payload follows from the frame's type
# (net/frame.h). Sender, receiver and cluster stand in the frame header and nowhere else, entries
# have no index of their own (they follow prevIndex): what can't be said can't be wrong.
#
# Fields may be added at the end of a struct; an arm or an enumerator may be added only behind a
# feature level, since a reader refuses what it does not know. Nothing is ever renumbered.
@0xd1c0a1e5b7f3c902;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::net::schema");

struct Hello {
  protocolMin @0 :UInt16;
  protocolMax @1 :UInt16;
  featureLevel @2 :UInt32;
  channel @3 :Channel;
  incarnation @4 :UInt64;
  boot @5 :UInt64;
  nonce @6 :UInt64;
  boots @7 :List(BootNonce);  # oldest first, ends with (boot, nonce)
  founding @8 :FoundingRecord;
  http @9 :Data;
  frameBytesMax @10 :UInt64;
  wallMs @11 :UInt64;
  recordEpoch @12 :UInt64;
  rejoin @13 :Bool;
  client @14 :Data;
}

enum Channel {
  control @0;
  bulk @1;
}

struct BootNonce {
  boot @0 :UInt64;
  nonce @1 :UInt64;
}

struct FoundingRecord {
  clusterId @0 :UInt64;
  partitions @1 :UInt32;
  replicas @2 :UInt32;
  hashId @3 :UInt32;
  hashSeed @4 :UInt64;
  founders @5 :List(Founder);  # sorted by node
}

struct Founder {
  node @0 :UInt64;
  incarnation @1 :UInt64;
  address @2 :Data;
}

struct HelloReply {
  verdict @0 :Verdict;
  protocol @1 :UInt16;
}

enum Verdict {
  accepted @0;
  wiped @1;
  foreignCluster @2;
  unknownNode @3;
  protocol @4;
  busy @5;
}

struct RaftBatch {
  wallMs @0 :UInt64;
  messages @1 :List(RaftMessage);
}

struct RaftMessage {
  group @0 :UInt32;
  term @1 :UInt64;
  body :union {
    none @2 :Void;  # a zeroed message says nothing, and is refused
    voteRequest :group {
      preVote @3 :Bool;
      leaderTransfer @4 :Bool;
      lastIndex @5 :UInt64;
      lastTerm @6 :UInt64;
    }
    voteReply :group {
      preVote @7 :Bool;
      granted @8 :Bool;
    }
    append :group {
      prevIndex @9 :UInt64;
      prevTerm @10 :UInt64;
      commit @11 :UInt64;
      entries @12 :List(Entry);
    }
    appendReply :group {
      rejected @13 :Bool;
      index @14 :UInt64;
      hintIndex @15 :UInt64;
      hintTerm @16 :UInt64;
      needsSnapshot @24 :Bool;
    }
    heartbeat :group {
      commit @17 :UInt64;
      readRound @18 :UInt64;
      quiet @25 :Bool;
    }
    heartbeatReply :group {
      readRound @19 :UInt64;
      quiet @26 :Bool;
      promiseUs @27 :UInt64;
    }
    readIndexRequest :group {
      request @20 :UInt64;
    }
    readIndexReply :group {
      request @21 :UInt64;
      index @22 :UInt64;
    }
    timeoutNow @23 :Void;
  }
}

struct Entry {
  term @0 :UInt64;
  kind @1 :EntryKind;
  data @2 :Data;
}

enum EntryKind {
  noop @0;
  command @1;
  config @2;
}

struct Request {
  id @0 :UInt64;
  kind @1 :UInt16;
  deadlineMs @2 :UInt32;
  body @3 :Data;
}

struct Reply {
  id @0 :UInt64;
  body @1 :Data;
}

struct Gossip {
  leads @0 :List(Lead);
  http @1 :Data;
  recordEpoch @2 :UInt64;
  foundingVersion @3 :UInt64;  # of an unfounded node's word; 0: none
  foundingHeard @4 :UInt64;
  foundersSeen @5 :List(FounderSeen);  # rising by node
  client @6 :Data;
}

struct FounderSeen {
  node @0 :UInt64;
  incarnation @1 :UInt64;
}

struct Lead {
  term @0 :UInt64;
  group @1 :UInt32;
  reached @2 :UInt64;
  bytes @3 :UInt64;
}

struct Configuration {
  voters @0 :List(UInt64);
  votersOutgoing @1 :List(UInt64);
  learners @2 :List(UInt64);
}

struct SnapshotChunk {
  group @0 :UInt32;
  last @1 :Bool;
  stream @2 :UInt64;
  term @3 :UInt64;
  metaIndex @4 :UInt64;
  metaTerm @5 :UInt64;
  sequence @6 :UInt64;
  config @7 :Configuration;
  bytes @8 :Data;
}

struct SnapshotAck {
  group @0 :UInt32;
  done @1 :Bool;
  failed @2 :Bool;
  stream @3 :UInt64;
  next @4 :UInt64;
}
