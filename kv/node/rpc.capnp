@0xd1c8a1f0b7e24c55;
# Bodies of the requests that nodes make of each other (net/peer.capnp carries them as bytes).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("cairn::kv::wire");

struct WriteRequest {
  group @0 :UInt32;
  command @1 :Data;
}

struct ReadRequest {
  group @0 :UInt32;
  key @1 :Data;
  eventual @2 :Bool;
  minRevision @3 :UInt64;
  lease @4 :Bool;
}

struct ScanRequest {
  group @0 :UInt32;
  start @1 :Data;
  end @2 :Data;
  limit @3 :UInt64;
  reverse @4 :Bool;
  keysOnly @5 :Bool;
  countOnly @6 :Bool;
  eventual @7 :Bool;
  minRevision @8 :UInt64;
  bytesMax @9 :UInt32;
  # 0: the answering node's own bound.
  lease @10 :Bool;
}

struct BackupRequest {
  group @0 :UInt32;
  stream @1 :UInt64;
  # The asker's name for it.
  sequence @2 :UInt32;
}

struct Item {
  key @0 :Data;
  value @1 :Data;
  createRevision @2 :UInt64;
  modRevision @3 :UInt64;
  version @4 :UInt64;
}

struct Failure {
  code @0 :UInt16;
  committed @1 :UInt8;
  retryAfterMs @2 :UInt32;
  revision @3 :UInt64;
  detail @4 :Text;
  leader @5 :UInt64;
  # Who leads, as far as the answering node knows; 0: unknown.
}

struct Reply {
  union {
    failure @0 :Failure;
    answer @1 :Data;
    # kv/command's encoding.
    item :group {
      found @2 :Bool;
      item @3 :Item;
      revision @4 :UInt64;
    }
    page :group {
      items @5 :List(Item);
      count @6 :UInt64;
      more @7 :Bool;
      lastKey @8 :Data;
      pageRevision @9 :UInt64;
    }
    backup :group {
      last @10 :Bool;
      # There is no chunk: the one before was the last.
      chunk @11 :Data;
    }
    admin @12 :Data;
    # kv/node/admin.h's encoding.
  }
}
