public import ArgumentParser
public import Coordinator

extension StepWay: ExpressibleByArgument {}
