import Testing

@testable import ShardProtocol
