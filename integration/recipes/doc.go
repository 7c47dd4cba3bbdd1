// Package recipes holds the code of docs/recipes.md, and tries it through faults: against a real
// NATS, MariaDB and SQLite, against Kafka in memory, and against stub servers. What can only be
// compiled or parsed here (MongoDB, Kubernetes, a service mesh) says so. It is a module of its own,
// so that nothing else requires those clients.
package recipes
