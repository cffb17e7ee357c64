import Testing

@testable import BlockServer
