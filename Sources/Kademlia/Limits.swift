/// The bound of everything that others can make `Kademlia` hold, each with its reason (DESIGN.md §7).
package enum Limits {}
