/// The bound of everything that others can make `ShardProtocol` hold, each with its reason (DESIGN.md §7).
package enum Limits {}
