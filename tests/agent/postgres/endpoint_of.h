#pragma once
#include "agent/postgres/connection.h"
#include "tests/harness/postgres_cluster.h"

namespace holdfast {

inline PostgresEndpoint endpoint_of(const PostgresCluster& cluster) {
  PostgresEndpoint endpoint;
  endpoint.socket_directory = cluster.socket_directory();
  endpoint.port = cluster.port();
  endpoint.os_user = cluster.owner();
  return endpoint;
}

inline PostgresEndpoint endpoint_of(const PostgresCluster& cluster, const std::string& role) {
  PostgresEndpoint endpoint = endpoint_of(cluster);
  endpoint.role = role;
  return endpoint;
}

}  // namespace holdfast
