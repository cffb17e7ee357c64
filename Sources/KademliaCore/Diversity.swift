/// How many peers of one network group are taken: a bound on what somebody with many peer ids and few networks can
/// hold of a routing table, and of what a lookup settles on. Nil where one is expected means that nobody counts.
package struct Diversity: Sendable, Equatable {
    package var perBucket = Limits.groupMembersPerBucket
    package var perTable = Limits.groupMembers
    package var perLookup = Limits.groupMembersPerLookup

    package init() {}
}
