// The backend that is a store.
#pragma once

#include <memory>

#include "http/backend.h"

namespace cairn::http {

/// `store` outlives the server that uses the result.
[[nodiscard]] std::shared_ptr<Backend> make_store_backend(kv::Store& store);

}  // namespace cairn::http
