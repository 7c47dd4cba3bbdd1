package main

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// authService is the service. The rest of this file is what protoc would write for it.
type authService struct{ calls, unavailable atomic.Int64 }

// expect makes the next calls fail, so many of them, and counts anew.
func (s *authService) expect(unavailable int) {
	s.calls.Store(0)
	s.unavailable.Store(int64(unavailable))
}

func (s *authService) see(token string) error {
	s.calls.Add(1)
	switch {
	case s.unavailable.Add(-1) >= 0:
		return status.Error(codes.Unavailable, "the key store does not answer")
	case token == "stolen":
		return status.Error(codes.Unauthenticated, "no such token")
	}
	return nil
}

func (s *authService) verify(_ context.Context, token string) (user string, err error) {
	return "mary", s.see(token)
}

func (s *authService) renew(_ context.Context, token string) (renewed string, err error) {
	return token + "-renewed", s.see(token)
}

const (
	verifyMethod = "/auth.Auth/Verify"
	renewMethod  = "/auth.Auth/Renew"
)

type authClient struct{ conn grpc.ClientConnInterface }

func (c authClient) verify(ctx context.Context, token string) (string, error) {
	return c.invoke(ctx, verifyMethod, token)
}

func (c authClient) renew(ctx context.Context, token string) (string, error) {
	return c.invoke(ctx, renewMethod, token)
}

func (c authClient) invoke(ctx context.Context, method, token string) (string, error) {
	var answer wrapperspb.StringValue
	err := c.conn.Invoke(ctx, method, wrapperspb.String(token), &answer)
	return answer.GetValue(), err
}

var description = grpc.ServiceDesc{
	ServiceName: "auth.Auth",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Verify", Handler: handler(verifyMethod, (*authService).verify)},
		{MethodName: "Renew", Handler: handler(renewMethod, (*authService).renew)},
	},
}

func handler(
	method string, handle func(s *authService, ctx context.Context, token string) (string, error),
) grpc.MethodHandler {
	return func(s any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var token wrapperspb.StringValue
		if err := decode(&token); err != nil {
			return nil, err
		}
		service, _ := s.(*authService)
		info := &grpc.UnaryServerInfo{Server: s, FullMethod: method}
		return intercept(ctx, &token, info, func(ctx context.Context, _ any) (any, error) {
			answer, err := handle(service, ctx, token.GetValue())
			return wrapperspb.String(answer), err
		})
	}
}
