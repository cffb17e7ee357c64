/// The bound of everything that others can make `SwarmCore` hold, each with its reason (DESIGN.md §7).
package enum Limits {}
