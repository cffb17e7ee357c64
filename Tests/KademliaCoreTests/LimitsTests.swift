import Testing

@testable import KademliaCore
